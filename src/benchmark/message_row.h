// MessageRow: what has come of one producer's messages in one partition, whose numbers begin at 0 and
// should come each once, in order.
//
// Threading: one thread at a time.
#pragma once

#include <cstdint>
#include <set>

namespace penstock::benchmark {

class MessageRow {
 public:
  enum class Seen {
    kNew,    // and nothing that came before has a larger number
    kLate,   // one with a larger number came before it
    kAgain,  // it has come before
  };

  Seen see(std::uint64_t number) {
    if (number < next_) return missing_.erase(number) > 0 ? Seen::kLate : Seen::kAgain;
    for (; next_ < number && missing_.size() < kMissingMax; ++next_) missing_.insert(next_);
    next_ = number + 1;
    return Seen::kNew;
  }

 private:
  // One that is missing beyond that counts as come again, should it come.
  static constexpr std::size_t kMissingMax = 100'000;

  std::uint64_t next_ = 0;
  std::set<std::uint64_t> missing_;
};

}  // namespace penstock::benchmark
