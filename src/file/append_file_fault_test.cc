// AppendFile, when any of the calls that it makes to the kernel goes wrong in any way.

#include "file/append_file.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "file/testing/append_model.h"
#include "file/testing/fault_matrix.h"

namespace penstock::file {
namespace {

// A life of two files: every way to write, over several steps of preparation, a reopening, a roll.
class AppendScript {
 public:
  explicit AppendScript(FaultRun& run) : run_(run) {}

  void perform() {
    const bool is_done = write_first() && reopen_first() && write_second();
    if (run_.has_struck_for_good()) EXPECT_GT(run_.error_count(), 0U) << "a failure was kept secret";
    first_.model.drop();
    second_.model.drop();
    run_.end_faults();
    if (is_done) EXPECT_TRUE(first_.was_created && second_.was_created);
    expect_kept_and_usable(first_);
    expect_kept_and_usable(second_);
  }

 private:
  using Call = std::function<Result<void>()>;

  struct Subject {
    AppendModel model;
    bool was_created = false;
    bool is_open = false;
  };

  static constexpr AppendOptions kOptions{
      .buffer_bytes = 4 * kBlockBytes,
      .write_behind_max = 2,
      .preparation = Preparation::kWritten,
      .preparation_step_bytes = 8 * kBlockBytes,
  };

  bool write_first() {
    return create(first_) && append(first_, 1000) && flush(first_) && append(first_, 5000) &&
           sync(first_) && append(first_, 20) && sync(first_) && append(first_, 60'000) &&
           sync(first_) && append(first_, 30'000) && flush(first_) && append(first_, 1) && seal(first_);
  }
  bool reopen_first() {
    return reopen(first_) && append(first_, 777) && sync(first_) && append(first_, 20'000) &&
           seal(first_);
  }
  bool write_second() { return create(second_) && append(second_, 10'000) && seal(second_); }

  bool create(Subject& subject) {
    subject.model.use(run_.scheduler(), run_.disk());
    subject.is_open = attempt(subject, [&] { return subject.model.create(); });
    subject.was_created = subject.is_open;
    return subject.is_open;
  }
  bool reopen(Subject& subject) {
    subject.is_open = false;
    subject.is_open = attempt(subject, [&] { return subject.model.open(std::nullopt); });
    return subject.is_open;
  }
  bool append(Subject& subject, std::size_t size_bytes) {
    return attempt(subject, [&] { return subject.model.append(size_bytes); });
  }
  bool flush(Subject& subject) {
    return attempt(subject, [&] { return subject.model.flush(); });
  }
  bool sync(Subject& subject) {
    return attempt(subject, [&] { return subject.model.sync(); });
  }
  bool seal(Subject& subject) {
    return attempt(subject, [&] { return subject.model.seal(); });
  }

  // False when the file is fenced. A call that fails without fencing has had no effect, and succeeds
  // the next time.
  bool attempt(Subject& subject, const Call& call) {
    Result<void> result = call();
    if (result) return true;
    run_.expect_explained(result.error());
    if (subject.is_open) {
      if (subject.model.file().fence()) {
        expect_fenced(subject.model);
        return false;
      }
      const ErrorCode code = result.error().code();
      EXPECT_TRUE(code == ErrorCode::kNoSpace || code == ErrorCode::kTooLarge)
          << result.error().message();
    }
    result = call();
    EXPECT_TRUE(result) << "again, and nothing was wrong any more: " << result.error().message();
    return result.has_value();
  }

  void expect_fenced(AppendModel& model);
  void expect_kept_and_usable(Subject& subject);

  FaultRun& run_;
  Subject first_{.model = {run_.at("first"), kOptions}};
  Subject second_{.model = {run_.at("second"), kOptions}};
};

void AppendScript::expect_fenced(AppendModel& model) {
  AppendFile& file = model.file();
  const std::string cause = file.fence()->message();
  // Past the model, which would take the bytes for the ones that it has just seen fail.
  const Call append = [&]() -> Result<void> {
    const auto at = run_.run(file.append(as_bytes("x")));
    return at ? Result<void>() : Unexpected(at.error());
  };
  for (const Call& call : {append, Call([&] { return model.flush(); }),
                           Call([&] { return model.sync(); }), Call([&] { return model.seal(); })}) {
    const Result<void> refused = call();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kFenced);
    EXPECT_NE(refused.error().message().find(cause), std::string::npos) << refused.error().message();
  }
  // What is in memory is what was appended, and reaches to the end.
  const AppendFile::Unwritten left = file.unwritten();
  EXPECT_GE(left.at.value, file.durable_bytes());
  std::uint64_t at = left.at.value;
  for (const SharedSlice& bytes : left.bytes) {
    ASSERT_LE(at + bytes.size(), model.size_bytes());
    EXPECT_TRUE(std::ranges::equal(bytes.view(), model.bytes().subspan(at, bytes.size())));
    at += bytes.size();
  }
  EXPECT_GE(at, model.size_bytes()) << "something that was appended is missing";
}

// With everything in order again: nothing is missing that was promised, and the file goes on.
void AppendScript::expect_kept_and_usable(Subject& subject) {
  AppendModel& model = subject.model;
  model.use(run_.scheduler(), run_.disk());
  // No machine died: what the device has taken it still has.
  const std::optional<std::uint64_t> end = model.check_survivors(SimCrash::kKill);
  EXPECT_EQ(end.has_value(), subject.was_created) << "created, and gone, or not, and there";
  if (!end) return;
  const Result<void> opened = model.open(std::min(*end, model.size_bytes()));
  ASSERT_TRUE(opened) << opened.error().message();
  ASSERT_TRUE(model.append(3000));
  ASSERT_TRUE(model.seal());
  ASSERT_TRUE(model.check_device());
  EXPECT_EQ(model.complaint(), "");
  model.drop();
  ASSERT_TRUE(run_.run(run_.disk().remove(model.path())));
}

class AppendFileFaults : public testing::TestWithParam<FaultPlace> {};

TEST_P(AppendFileFaults, NothingPromisedIsLostWhicheverCallFails) {
  const auto [make, call] = GetParam();
  FaultDisk disk(make);
  RealDiskUnderTest* const under_test = disk.get();
  if (under_test == nullptr) GTEST_SKIP() << "this machine cannot have such a disk";
  run_fault_matrix(*under_test, call, [](FaultRun& run) { AppendScript(run).perform(); });
}

INSTANTIATE_TEST_SUITE_P(
    Real, AppendFileFaults,
    testing::Combine(testing::Values(RealMake::kUring, RealMake::kInline, RealMake::kPool),
                     testing::Values(SystemCall::kOpen, SystemCall::kRead, SystemCall::kWrite,
                                     SystemCall::kSync, SystemCall::kAllocate, SystemCall::kTruncate,
                                     SystemCall::kStat)),
    name_of_fault_place);

}  // namespace
}  // namespace penstock::file
