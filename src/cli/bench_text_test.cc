#include "cli/bench_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/testing/temp_directory.h"
#include "benchmark/results_json.h"
#include "cli/exit_code.h"
#include "cli/testing/captured_program.h"

namespace penstock::cli {
namespace {

using benchmark::Results;
using testing::HasSubstr;
using testing::Not;

// 1,000 latencies from 1 * scale to 1,000 * scale microseconds.
benchmark::Run run_of(const std::string& target, int scale, int repeat = 1) {
  benchmark::Run run{.scenario = "steady", .target = target, .repeat = repeat};
  benchmark::Histogram histogram;
  for (int i = 1; i <= 1000; ++i) histogram.add(std::chrono::microseconds(i * scale));
  run.latencies.push_back({.name = "produce", .histogram = histogram});
  benchmark::add_percentiles(run.latencies.back(), run.metrics);
  return run;
}

Results results_of(std::vector<benchmark::Run> runs) {
  return {.kind = "stream",
          .program = "penstock",
          .started = "",
          .is_complete = true,
          .runs = std::move(runs)};
}

TEST(BenchText, HasARowForEachMetricAndAColumnForEachTarget) {
  const std::string text = results_text(results_of({run_of("direct", 1), run_of("buffered", 10)}));
  EXPECT_THAT(text, testing::ContainsRegex("steady +direct +buffered"));
  EXPECT_THAT(text, testing::ContainsRegex("produce p50 +500 us +5.0 ms"));
  EXPECT_THAT(text, testing::ContainsRegex("produce p99 +990 us +9.9 ms"));
  // One sample beyond it.
  EXPECT_THAT(text, Not(HasSubstr("p99.9 ")));
}

TEST(BenchText, ShowsTheRangeOfTheRepeats) {
  const std::string text = results_text(
      results_of({run_of("direct", 1, 1), run_of("direct", 3, 2), run_of("direct", 2, 3)}));
  EXPECT_THAT(text, HasSubstr("1.0 ms (500 us to 1.5 ms)"));
}

TEST(BenchText, ShowsATargetThatFailedAsFailedAndNeverAsFast) {
  benchmark::Run failed = run_of("buffered", 1);
  failed.failures.emplace_back("lost 3 of 1,000 acknowledged messages");
  const std::string text = results_text(results_of({run_of("direct", 1), failed}));
  EXPECT_THAT(text, testing::ContainsRegex("produce p50 +500 us +FAILED"));
  EXPECT_THAT(text, HasSubstr("FAILED  buffered, repeat 1: lost 3 of 1,000 acknowledged messages"));
}

TEST(BenchText, SaysThatItIsNotComplete) {
  Results results = results_of({run_of("direct", 1)});
  results.is_complete = false;
  EXPECT_TRUE(results_text(results).starts_with("NOT COMPLETE"));
}

// The lower curve's letters are below the higher one's in every column.
TEST(BenchText, TheCurveOfTheSlowerTargetLiesAbove) {
  const auto summaries = benchmark::summarize({run_of("direct", 1), run_of("buffered", 10)});
  const std::string text = curve_text("produce", {&summaries[0], &summaries[1]}, 80);
  EXPECT_THAT(text, HasSubstr("o direct (1,000 samples), x buffered (1,000 samples)"));
  std::vector<std::string> rows;
  for (std::size_t at = text.find('|'); at != std::string::npos; at = text.find('|', at + 1)) {
    rows.push_back(text.substr(at + 1, text.find('\n', at) - at - 1));
  }
  ASSERT_EQ(rows.size(), 12U);
  const auto row_of = [&](char letter, std::size_t column) {
    for (std::size_t row = 0; row < rows.size(); ++row) {
      if (column < rows[row].size() && rows[row][column] == letter) return row;
    }
    return rows.size();
  };
  for (const std::size_t column : {5U, 20U, 40U}) {
    EXPECT_LT(row_of('x', column), row_of('o', column)) << text;
    EXPECT_LT(row_of('o', column), rows.size()) << text;
  }
}

TEST(BenchText, WithoutSamplesThereIsNoCurve) {
  const benchmark::Summary empty{.scenario = "steady", .target = "direct"};
  EXPECT_EQ(curve_text("produce", {&empty}, 80), "");
}

TEST(BenchCommand, CompareEndsWithThreeIfSomethingIsWorse) {
  const TempDirectory directory;
  const auto write = [&](const char* name, int scale) {
    const Results results = results_of(
        {run_of("direct", scale, 1), run_of("direct", scale, 2), run_of("direct", scale, 3)});
    std::ofstream(directory / name) << to_json(results).dump();
    return directory / name;
  };
  const std::string fast = write("fast.json", 1);
  const std::string slow = write("slow.json", 2);
  const Captured worse = run_captured({"bench", "compare", fast, slow});
  EXPECT_EQ(worse.exit_code, kDamage);
  EXPECT_THAT(worse.out,
              testing::ContainsRegex("produce p99 +990 us +2.0 ms +2.00 +2.00 to 2.00 +worse"));
  EXPECT_EQ(run_captured({"bench", "compare", slow, fast}).exit_code, kSuccess);
  EXPECT_EQ(run_captured({"bench", "compare", fast, fast}).exit_code, kSuccess);
  EXPECT_EQ(run_captured({"bench", "compare", fast, directory / "none"}).exit_code, kFailed);
}

TEST(BenchCommand, FindsOutBeforehandThatItsFilesCannotBeWritten) {
  const TempDirectory directory;
  const Captured json =
      run_captured({"bench", "disk", directory.path(), "--json", directory / "none/x.json"});
  EXPECT_EQ(json.exit_code, kFailed);
  EXPECT_THAT(json.err, HasSubstr("none/x.json"));
  EXPECT_EQ(json.out, "");
}

TEST(BenchCommand, NamesWhatIsWrongWithAFlag) {
  const Captured scenario = run_captured({"bench", "stream", "--scenario", "nonsense"});
  EXPECT_EQ(scenario.exit_code, kUsage);
  EXPECT_THAT(scenario.err, HasSubstr("nonsense"));
  EXPECT_EQ(run_captured({"bench", "stream", "--scenario", "st"}).exit_code, kUsage);
  EXPECT_EQ(run_captured({"bench", "stream", "--scenario", ""}).exit_code, kUsage);
  const Captured pressure =
      run_captured({"bench", "stream", "--scenario", "pressure", "--brokers", "127.0.0.1:1"});
  EXPECT_EQ(pressure.exit_code, kUsage);
  EXPECT_THAT(pressure.err, HasSubstr("leave out --brokers"));
  EXPECT_EQ(run_captured({"bench", "stream", "--mode", "fast"}).exit_code, kUsage);
  EXPECT_EQ(run_captured({"bench", "stream", "--message-size", "4"}).exit_code, kUsage);
  for (const std::vector<std::string>& words : {std::vector<std::string>{"bench", "disk", "/nowhere"},
                                                {"bench", "disk", "/etc/passwd"},
                                                {"bench", "stream", "--dir", "/nowhere"}}) {
    const Captured elsewhere = run_captured(words);
    EXPECT_EQ(elsewhere.exit_code, kFailed);
    EXPECT_THAT(elsewhere.err, HasSubstr(words.back() + " is no directory"));
  }
  const auto usage = [](std::vector<std::string> words) {
    words.insert(words.begin(), {"bench", "stream"});
    const Captured captured = run_captured(words);
    return captured.exit_code == kUsage ? captured.err
                                        : "exit code " + std::to_string(captured.exit_code);
  };
  EXPECT_THAT(usage({"--quick", "--seconds", "5"}), HasSubstr("--seconds"));
  EXPECT_THAT(usage({"--brokers", "127.0.0.1:1", "--mode", "direct"}), HasSubstr("--mode"));
  EXPECT_THAT(usage({"--closed", "--rate", "5"}), HasSubstr("--rate"));
  EXPECT_THAT(usage({"--window", "5"}), HasSubstr("--closed"));
  EXPECT_THAT(usage({"--closed", "--scenario", "sweep"}), HasSubstr("sweep"));
  EXPECT_THAT(usage({"-X", "no.such.setting=1"}), HasSubstr("no.such.setting"));
}

}  // namespace
}  // namespace penstock::cli
