// Whatever a reader does, ReadAhead brings the bytes of the file: random reads, scans and seeks,
// against the bytes that were stored, on every make of Disk.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <chrono>

#include "file/read_ahead.h"
#include "file/testing/drain.h"
#include "file/testing/every_disk.h"
#include "file/testing/observed_disk.h"
#include "file/testing/stored_bytes.h"

namespace penstock::file {
namespace {

constexpr std::uint64_t kWindowMin = 16 * kKiB;
constexpr std::uint64_t kWindowMax = 128 * kKiB;

struct Step {
  enum class Kind { kScan, kReadOn, kReadAgain, kSeek, kGrow };
  Kind kind;
  std::uint64_t position;
  std::size_t size_bytes;
};

std::ostream& operator<<(std::ostream& out, const Step& step) {
  return out << "{" << static_cast<int>(step.kind) << " " << step.position << " +" << step.size_bytes
             << "}";
}

rc::Gen<Step> any_step(std::uint64_t file_bytes) {
  using Kind = Step::Kind;
  return rc::gen::build<Step>(
      rc::gen::set(&Step::kind, rc::gen::weightedElement<Kind>({{6, Kind::kScan},
                                                                {6, Kind::kReadOn},
                                                                {2, Kind::kReadAgain},
                                                                {2, Kind::kSeek},
                                                                {1, Kind::kGrow}})),
      rc::gen::set(&Step::position, rc::gen::inRange<std::uint64_t>(0, file_bytes + 2 * kBlockBytes)),
      rc::gen::set(&Step::size_bytes, rc::gen::oneOf(rc::gen::inRange<std::size_t>(0, 10'000),
                                                     rc::gen::inRange<std::size_t>(0, 400'000))));
}

class ReadAheadOnEveryDisk : public ::testing::TestWithParam<DiskMake> {};

// One reader and what it has done so far.
class Walk {
 public:
  Walk(Scheduler& scheduler, const ReadLog& log, StoredBytes& stored, std::shared_ptr<File> file,
       ReadAheadOptions options)
      : scheduler_(scheduler),
        log_(log),
        stored_(stored),
        ahead_(scheduler, std::move(file), options) {}

  void take(const Step& step) {
    switch (step.kind) {
      case Step::Kind::kScan: return scan();
      case Step::Kind::kReadOn: return read(place_, step.size_bytes);
      case Step::Kind::kReadAgain: return read(last_from_, step.size_bytes);
      case Step::Kind::kSeek: return read(step.position, step.size_bytes);
      case Step::Kind::kGrow: return grow(step.size_bytes);
    }
  }

 private:
  void scan() {
    const auto bytes = scheduler_.run(ahead_.next(FilePosition{place_}));
    RC_ASSERT(bytes.has_value());
    RC_ASSERT(stored_.matches(place_, bytes->size(), bytes->view()));
    RC_ASSERT(bytes->empty() == (place_ >= stored_.size()));
    last_from_ = place_;
    place_ += bytes->size();
  }
  void read(std::uint64_t from, std::size_t size_bytes) {
    const auto bytes = scheduler_.run(ahead_.read(FilePosition{from}, size_bytes));
    RC_ASSERT(bytes.has_value());
    RC_ASSERT(stored_.matches(from, size_bytes, bytes->view()));
    last_from_ = from;
    place_ = from + bytes->size();
  }

  // A read during a write may bring any mixture of old and new, which would be no fault of ReadAhead's.
  void grow(std::size_t by_bytes) {
    scheduler_.run(until_no_read_is_in_flight());
    stored_.resize(stored_.size() + by_bytes);
  }
  Task<void> until_no_read_is_in_flight() {
    while (log_.in_flight > 0) co_await scheduler_.sleep_for(std::chrono::microseconds(50));
  }

  Scheduler& scheduler_;
  const ReadLog& log_;
  StoredBytes& stored_;
  ReadAhead ahead_;
  std::uint64_t place_ = 0;
  std::uint64_t last_from_ = 0;
};

TEST_P(ReadAheadOnEveryDisk, BringsTheBytesOfTheFileWhateverTheReaderDoes) {
  const std::unique_ptr<DiskUnderTest> under_test = GetParam().make();
  if (under_test == nullptr) GTEST_SKIP() << "this machine cannot have such a disk";
  Scheduler& scheduler = under_test->scheduler();
  ObservedDisk disk(under_test->disk());
  const std::string path = under_test->root() + "/file";
  const bool right = rc::check("every slice is right", [&] {
    const auto file_bytes = *rc::gen::element<std::size_t>(0, 1, 4096, 100'000, kMiB, kMiB + 5001);
    StoredBytes stored(scheduler, disk, path, file_bytes);
    const OpenOptions how{};
    auto file = scheduler.run(disk.open(path, how));
    RC_ASSERT(file.has_value());
    ReadAheadOptions options{.window_bytes_min = kWindowMin, .window_bytes_max = kWindowMax};
    options.windows_in_flight = *rc::gen::inRange<std::size_t>(0, 4);
    options.sequential_from_start = *rc::gen::arbitrary<bool>();
    if (*rc::gen::arbitrary<bool>()) options.end = FilePosition{file_bytes / 2};
    Walk walk(scheduler, disk.log(), stored, std::move(*file), options);
    const auto steps = *rc::gen::container<std::vector<Step>>(any_step(file_bytes));
    for (const Step& step : steps) walk.take(step);
  });
  EXPECT_TRUE(right);
  drain(scheduler);
}

INSTANTIATE_TEST_SUITE_P(Makes, ReadAheadOnEveryDisk, testing::ValuesIn(every_disk()), name_of_make);

}  // namespace
}  // namespace penstock::file
