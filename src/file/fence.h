// Fence: why a file takes no more writes.
//
// A write or sync that failed leaves the file in a state that nobody knows, so everything after it is
// refused. The first call that learns of it gets the failure itself, all later ones kFenced.
//
// Threading: its file's. Durability: none of its business.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "base/error.h"

namespace penstock::file {

class Fence {
 public:
  explicit Fence(std::string path) : path_(std::move(path)) {}

  // The first cause stays.
  void raise(const Error& cause) {
    if (!cause_) cause_ = cause;
  }

  bool is_up() const { return cause_.has_value(); }
  const std::optional<Error>& cause() const { return cause_; }

  // Whether a call may write.
  Result<void> check() {
    if (!cause_) return {};
    if (!std::exchange(was_told_, true)) return Unexpected(*cause_);
    return fail(
        ErrorCode::kFenced,
        "{} takes no more writes, because one failed: {}; open it again to continue behind what "
        "is durable",
        path_, cause_->message());
  }

 private:
  std::string path_;
  std::optional<Error> cause_;
  bool was_told_ = false;
};

}  // namespace penstock::file
