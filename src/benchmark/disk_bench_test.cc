#include "benchmark/disk_bench.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "base/testing/temp_directory.h"

namespace penstock::benchmark {
namespace {

DiskPlan small_plan(const std::string& directory) {
  return {.directory = directory, .seconds = 1, .repeats = 1, .max_bytes = 64 * kMiB};
}

TEST(DiskBench, MeasuresEveryModeAndExtentBesideTheRawDevice) {
  const TempDirectory directory;
  double last_share = 0;
  const RunControl control{
      .is_stopped = [] { return false; },
      .progress = [&](std::string_view, double share, double) { last_share = share; }};
  const Result<Results> results = run_disk(small_plan(directory.path()), control);
  ASSERT_TRUE(results.has_value()) << results.error().message();
  EXPECT_TRUE(results->is_complete);
  EXPECT_GT(last_share, 0.9);
  std::set<std::string> scenarios;
  std::set<std::string> targets;
  for (const benchmark::Run& run : results->runs) {
    scenarios.insert(run.scenario);
    targets.insert(run.target);
    EXPECT_GT(run.messages, 0U) << run.scenario << ", " << run.target;
    EXPECT_TRUE(run.failures.empty());
  }
  EXPECT_EQ(scenarios.size(), 4U);
  EXPECT_TRUE(targets.contains("buffered"));
  for (const MatrixCell& cell : results->matrix) EXPECT_GT(cell.operations_per_second, 0);
  EXPECT_GE(results->matrix.size(), 30U);
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(DiskBench, GivesWhatItHasWhenItIsStopped) {
  const TempDirectory directory;
  int figures = 0;
  const RunControl control{.is_stopped = [&] { return figures >= 5; },
                           .progress = [&](std::string_view what, double,
                                           double) { figures += what != "filling a file" ? 1 : 0; }};
  const Result<Results> results = run_disk(small_plan(directory.path()), control);
  ASSERT_TRUE(results.has_value()) << results.error().message();
  EXPECT_FALSE(results->is_complete);
  EXPECT_EQ(results->runs.size(), 5U);
  EXPECT_TRUE(results->matrix.empty());
}

TEST(DiskBench, RefusesSpaceThatIsTooLittleToSayAnything) {
  const TempDirectory directory;
  DiskPlan plan = small_plan(directory.path());
  plan.max_bytes = 4 * kMiB;
  const Result<Results> results = run_disk(plan, {});
  ASSERT_FALSE(results.has_value());
  EXPECT_EQ(results.error().code(), ErrorCode::kInvalidArgument);
}

TEST(DiskBench, SaysThatADirectoryIsNotThere) {
  const Result<Results> results = run_disk(small_plan("/nowhere/at/all"), {});
  ASSERT_FALSE(results.has_value());
  EXPECT_EQ(results.error().code(), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace penstock::benchmark
