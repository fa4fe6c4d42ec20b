// FaultMatrix: one script, run again for every call that it makes and everything that can go wrong with
// it.
//
// The script is first run as it is, to see how many calls of a kind it makes. Then it is run once more
// for each of them and each fault of that kind, and has to come out right: with everything done, if the
// fault is one that a disk has to get over by itself, and else at least with nothing lost that was
// promised. Whatever happens, it ends in time, and leaves nothing in flight.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "disk/testing/real_disks.h"
#include "disk/transfer.h"

namespace penstock::file {

// A test's parameter: on which disk, and in which calls.
using FaultPlace = std::tuple<RealMake, SystemCall>;
inline std::string name_of_fault_place(const testing::TestParamInfo<FaultPlace>& info) {
  static constexpr const char* kMakes[] = {"Uring_", "Inline_", "Pool_"};
  const auto [make, call] = info.param;
  return kMakes[static_cast<int>(make)] + std::string(to_string(call));
}

struct FaultCase {
  std::string name;
  SystemFault fault;         // without its place
  bool is_got_over = false;  // below the Disk: nobody above sees it
};

// Everything that can go wrong with a call of this kind.
inline std::vector<FaultCase> fault_cases(SystemCall call) {
  using Kind = SystemFault::Kind;
  constexpr std::uint64_t kForGood = Transfer::kMaxIdleCalls + 1;
  const bool is_transfer = call == SystemCall::kRead || call == SystemCall::kWrite;
  // What can be done twice: a name that was renamed, removed or made is not there to be so again.
  const bool is_idempotent = is_transfer || call == SystemCall::kSync ||
                             call == SystemCall::kAllocate || call == SystemCall::kTruncate ||
                             call == SystemCall::kStat;
  std::vector<FaultCase> cases;
  const auto add = [&](std::string name, SystemFault fault, bool is_got_over) {
    fault.call = call;
    cases.push_back({.name = std::move(name), .fault = fault, .is_got_over = is_got_over});
  };
  for (const int error : {EIO, ENOSPC, EDQUOT, EFBIG, EROFS}) {
    add(strerrorname_np(error), {.errno_value = error}, false);
  }
  for (const int error : {EAGAIN, EINTR, ECANCELED}) {
    const std::string name = strerrorname_np(error);
    add(name, {.errno_value = error}, true);
    add(name + " for good", {.count = kForGood, .errno_value = error}, false);
    if (is_idempotent)
      add(name + " although done", {.kind = Kind::kMisreported, .errno_value = error}, true);
  }
  if (call != SystemCall::kOpen) add("EIO although done", {.kind = Kind::kMisreported}, false);
  if (is_transfer) {
    for (const std::uint32_t length_bytes : {0U, 512U, 4096U}) {
      const std::string name = "cut to " + std::to_string(length_bytes);
      add(name, {.kind = Kind::kShortened, .length_bytes = length_bytes}, true);
      add(name + " thrice", {.kind = Kind::kShortened, .count = 3, .length_bytes = length_bytes}, true);
    }
    add("cut to 0 for good", {.kind = Kind::kShortened, .count = kForGood}, false);
  }
  return cases;
}

// A real disk on a directory in memory, if this machine has such: a matrix is thousands of runs, and
// what they are about is not the device. Past the page cache if the file system takes that.
class FaultDisk {
 public:
  explicit FaultDisk(RealMake make) {
    for (const IoMode mode : {IoMode::kDirect, IoMode::kBuffered}) {
      made_ = RealDiskUnderTest::make_in_memory(make, mode);
      if (made_ != nullptr) return;
    }
    made_ = RealDiskUnderTest::make(make, IoMode::kBuffered);
  }

  // Null when this machine cannot have such a disk.
  RealDiskUnderTest* get() { return made_.get(); }

 private:
  std::unique_ptr<RealDiskUnderTest> made_;
};

// One run of a script, and the fault that it meets.
class FaultRun {
 public:
  FaultRun(RealDiskUnderTest& under_test, const FaultCase* fault, std::uint64_t nth)
      : under_test_(under_test), fault_(fault), watchdog_(under_test.scheduler()) {
    if (fault != nullptr) {
      SystemFault placed = fault->fault;
      placed.nth = nth;
      faults_.inject(placed);
    }
    under_test_.set_faults(&faults_);
    watchdog_.start(under_test_.scheduler().now() + kDeadline);
  }
  FaultRun(const FaultRun&) = delete;
  FaultRun& operator=(const FaultRun&) = delete;
  ~FaultRun() { end_faults(); }

  RealDiskUnderTest& under_test() { return under_test_; }
  Disk& disk() { return under_test_.disk(); }
  Scheduler& scheduler() { return under_test_.scheduler(); }
  std::string at(const std::string& name) { return under_test_.root() + "/" + name; }
  template <typename T>
  T run(Task<T> task) {
    return scheduler().run(std::move(task));
  }

  // Checks an error that came out of the script: it can only be the fault's, and says so.
  void expect_explained(const Error& error) {
    ++error_count_;
    ASSERT_NE(fault_, nullptr) << error.message();
    EXPECT_GT(faults_.hit_count(), 0U) << error.message();
    EXPECT_FALSE(fault_->is_got_over) << error.message();
    EXPECT_NE(error.message().find(under_test_.root()), std::string::npos)
        << "without a path: " << error.message();
    EXPECT_NE(error.message().find(std::strerror(fault_->fault.errno_value)), std::string::npos)
        << "without the system's reason: " << error.message();
  }
  std::uint64_t error_count() const { return error_count_; }
  // The fault has struck, and is one that nobody may get over or keep to himself.
  bool has_struck_for_good() const {
    return fault_ != nullptr && faults_.hit_count() > 0 && fault_->fault.errno_value == EIO &&
           fault_->fault.kind == SystemFault::Kind::kRefused;
  }
  std::uint64_t call_count(SystemCall call) const { return faults_.call_count(call); }

  // From here on everything works again; what is in flight ends first.
  void end_faults() {
    if (!watchdog_.is_running()) return;
    run(until_idle(scheduler()));
    EXPECT_EQ(under_test_.in_flight_count(), 0U);
    under_test_.set_faults(nullptr);
    watchdog_.cancel();
  }

 private:
  static constexpr Duration kDeadline = std::chrono::seconds(60);

  class Watchdog final : public Scheduler::Timer {
   public:
    using Timer::Timer;

   private:
    void fire() override { PENSTOCK_ASSERT(false, "a script hangs after a fault"); }
  };

  static Task<void> until_idle(Scheduler& scheduler) {
    while (scheduler.spawned_count() > 1) co_await scheduler.yield();
  }

  RealDiskUnderTest& under_test_;
  const FaultCase* fault_;
  SystemFaults faults_;
  Watchdog watchdog_;
  std::uint64_t error_count_ = 0;
};

// `script` is called with a FaultRun each time, and removes what it has made.
template <typename Script>
void run_fault_matrix(RealDiskUnderTest& under_test, SystemCall call, Script script) {
  std::uint64_t call_count = 0;
  {
    FaultRun clean(under_test, nullptr, 0);
    script(clean);
    call_count = clean.call_count(call);
    EXPECT_EQ(clean.error_count(), 0U);
  }
  ASSERT_GT(call_count, 0U) << "the script makes no such call";
  std::uint64_t error_count = 0;
  for (const FaultCase& fault : fault_cases(call)) {
    for (std::uint64_t nth = 1; nth <= call_count; ++nth) {
      SCOPED_TRACE(std::string(to_string(call)) + " " + std::to_string(nth) + ": " + fault.name);
      FaultRun run(under_test, &fault, nth);
      script(run);
      error_count += run.error_count();
      if (testing::Test::HasFailure()) return;
    }
  }
  EXPECT_GT(error_count, 0U) << "no fault ever came out";
}

}  // namespace penstock::file
