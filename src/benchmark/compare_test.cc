#include "benchmark/compare.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/testing/temp_directory.h"
#include "benchmark/results_json.h"

namespace penstock::benchmark {
namespace {

// A result with one scenario and target, whose repeats had these p99s.
nlohmann::json results_of(const std::vector<double>& p99s, Better better = Better::kLess) {
  Results results{.kind = "stream", .program = "penstock", .started = ""};
  int repeat = 0;
  for (const double p99 : p99s) {
    Run run{.scenario = "steady", .target = "direct", .repeat = ++repeat};
    run.metrics.push_back({.name = "produce_p99_us", .unit = "us", .better = better, .value = p99});
    results.runs.push_back(std::move(run));
  }
  return nlohmann::json::parse(to_json(results).dump());
}

Comparison only(const nlohmann::json& before, const nlohmann::json& after) {
  const Result<std::vector<Comparison>> compared = compare(before, after);
  EXPECT_TRUE(compared.has_value());
  EXPECT_EQ(compared->size(), 1U);
  return compared->front();
}

TEST(Compare, SeesWhatIsClearlyWorse) {
  const Comparison found =
      only(results_of({100, 102, 98, 101, 99}), results_of({150, 149, 152, 151, 148}));
  EXPECT_EQ(found.verdict, Verdict::kWorse);
  EXPECT_DOUBLE_EQ(found.ratio, 1.5);
  EXPECT_GT(found.low, 1.4);
  EXPECT_LT(found.high, 1.6);
}

TEST(Compare, MoreMayBeBetter) {
  const auto low = results_of({100, 102, 98}, Better::kMore);
  const auto high = results_of({150, 149, 152}, Better::kMore);
  EXPECT_EQ(only(low, high).verdict, Verdict::kBetter);
  EXPECT_EQ(only(high, low).verdict, Verdict::kWorse);
}

TEST(Compare, TheSameIsTheSame) {
  const auto results = results_of({100, 101, 99, 100, 100});
  EXPECT_EQ(only(results, results).verdict, Verdict::kSame);
}

TEST(Compare, SpreadThatCoversBothIsUndecided) {
  const Comparison found =
      only(results_of({100, 200, 50, 120, 80}), results_of({110, 55, 190, 140, 90}));
  EXPECT_EQ(found.verdict, Verdict::kUndecided);
  EXPECT_LT(found.low, 1);
  EXPECT_GT(found.high, 1);
}

TEST(Compare, TwoRepeatsDecideNothing) {
  EXPECT_EQ(only(results_of({100, 100}), results_of({300, 300})).verdict, Verdict::kUndecided);
}

TEST(Compare, ADifferenceBelowTheThresholdIsNone) {
  EXPECT_EQ(only(results_of({100, 100, 100}), results_of({103, 103, 103})).verdict, Verdict::kSame);
}

TEST(Compare, WhatCountsNeitherWayIsPassedOver) {
  const auto neither = results_of({1, 2, 3}, Better::kNeither);
  EXPECT_EQ(compare(neither, neither).error().code(), ErrorCode::kInvalidArgument);
}

TEST(Compare, RefusesWhatIsNoResult) {
  const auto good = results_of({1, 2, 3});
  auto later = good;
  later["version"] = 2;
  auto damaged = good;
  damaged["summaries"][0]["metrics"]["produce_p99_us"].erase("values");
  for (const auto& bad : {nlohmann::json(), nlohmann::json::object(), later, damaged}) {
    const auto compared = compare(good, bad);
    ASSERT_FALSE(compared.has_value());
    EXPECT_EQ(compared.error().code(), ErrorCode::kInvalidArgument);
  }
}

TEST(ReadResults, SaysWhatIsWrongWithAFile) {
  const TempDirectory directory;
  EXPECT_EQ(read_results(directory / "none").error().code(), ErrorCode::kNotFound);
  std::ofstream(directory / "text") << "not json";
  EXPECT_EQ(read_results(directory / "text").error().code(), ErrorCode::kInvalidArgument);
  std::ofstream(directory / "other") << R"({"schema": "something"})";
  EXPECT_EQ(read_results(directory / "other").error().code(), ErrorCode::kInvalidArgument);
  std::ofstream(directory / "number") << R"({"schema": 5})";
  EXPECT_EQ(read_results(directory / "number").error().code(), ErrorCode::kInvalidArgument);
  auto empty = results_of({1, 2, 3});
  empty.erase("summaries");
  std::ofstream(directory / "empty") << empty.dump();
  const auto refused = read_results(directory / "empty");
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message().contains(directory / "empty")) << refused.error().message();
  std::ofstream(directory / "good") << results_of({1, 2, 3}).dump();
  EXPECT_TRUE(read_results(directory / "good").has_value());
}

}  // namespace
}  // namespace penstock::benchmark
