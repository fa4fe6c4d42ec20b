#include "benchmark/results.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "benchmark/broker_metrics.h"
#include "benchmark/results_json.h"

namespace penstock::benchmark {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

benchmark::Run run_of(int repeat, double value, const std::string& target = "direct") {
  benchmark::Run run{.scenario = "steady", .target = target, .repeat = repeat};
  run.metrics.push_back({.name = "speed", .unit = "1/s", .better = Better::kMore, .value = value});
  Histogram histogram;
  for (int i = 0; i < 100; ++i) histogram.add(std::chrono::microseconds(repeat));
  run.latencies.push_back({.name = "produce", .histogram = histogram});
  return run;
}

TEST(Summarize, TakesTheMedianOfTheRepeatsAndJoinsTheirLatencies) {
  const auto summaries =
      summarize({run_of(1, 10), run_of(2, 30), run_of(3, 20), run_of(1, 5, "buffered")});
  ASSERT_THAT(summaries, SizeIs(2));
  EXPECT_EQ(summaries[0].repeats, 3);
  const MetricSummary* const speed = summaries[0].metric("speed");
  ASSERT_NE(speed, nullptr);
  EXPECT_THAT(speed->values, ElementsAre(10, 30, 20));
  EXPECT_EQ(speed->median(), 20);
  EXPECT_EQ(speed->low(), 10);
  EXPECT_EQ(speed->high(), 30);
  EXPECT_EQ(summaries[0].latencies.front().histogram.count(), 300U);
  EXPECT_EQ(summaries[1].target, "buffered");
}

TEST(Summarize, ARunThatFailedIsNoFigure) {
  benchmark::Run failed = run_of(2, 1000);
  failed.failures.emplace_back("lost 3 messages");
  const auto summaries = summarize({run_of(1, 10), failed});
  EXPECT_THAT(summaries.front().failures, ElementsAre("repeat 2: lost 3 messages"));
  EXPECT_THAT(summaries.front().metric("speed")->values, ElementsAre(10));
  EXPECT_EQ(summaries.front().latencies.front().histogram.count(), 100U);
}

TEST(Median, OfTwoIsBetweenThem) { EXPECT_EQ(median_of({1, 4}), 2.5); }

TEST(AddPercentiles, LeavesOutWhatFewSamplesSay) {
  std::vector<Metric> metrics;
  add_percentiles(run_of(1, 1).latencies.front(), metrics);
  std::vector<std::string> names;
  for (const Metric& metric : metrics) names.push_back(metric.name);
  EXPECT_THAT(names, ElementsAre("produce_p50_us", "produce_p90_us", "produce_max_us"));
}

TEST(ResultsJson, HasWhatTheResultsHave) {
  Results results{.kind = "stream", .program = "penstock 1", .started = "2026-11-29T20:00:00Z"};
  results.runs = {run_of(1, 10), run_of(2, 20)};
  results.runs.front().points.push_back({.offered_per_second = 5, .is_sustained = true});
  results.runs.front().samples.push_back({.at_s = 0.5, .rss_bytes = 7});
  results.setup.emplace_back("producers", "8");
  results.client_limit = ClientLimit{.messages_per_second = 100};
  const auto json = to_json(results);
  EXPECT_EQ(json["schema"], "penstock.bench");
  EXPECT_EQ(json["version"], 1);
  EXPECT_EQ(json["setup"]["producers"], "8");
  EXPECT_EQ(json["client_limit"]["messages_per_second"], 100);
  EXPECT_EQ(json["summaries"][0]["metrics"]["speed"]["median"], 15);
  const auto& distribution = json["summaries"][0]["distributions"]["produce"];
  EXPECT_EQ(distribution["count"], 200);
  EXPECT_EQ(distribution["percentiles"]["50"], 1);
  EXPECT_FALSE(distribution["percentiles"].contains("99"));
  EXPECT_EQ(json["runs"][0]["points"][0]["sustained"], true);
  EXPECT_EQ(json["runs"][0]["samples"]["rss_bytes"][0], 7);
  EXPECT_EQ(json["runs"][0]["samples"]["page_cache_bytes"][0], nullptr);
}

// Two shards, as /metrics prints them.
constexpr std::string_view kBefore = R"(# TYPE penstock_stage_seconds histogram
penstock_stage_seconds_bucket{shard="0",stage="device",le="0.0001"} 10
penstock_stage_seconds_bucket{shard="0",stage="device",le="+Inf"} 10
penstock_stage_seconds_sum{shard="0",stage="device"} 0.001
penstock_stage_seconds_count{shard="0",stage="device"} 10
penstock_commits_total{shard="0"} 10
)";
constexpr std::string_view kAfter =
    R"(penstock_stage_seconds_bucket{shard="0",stage="device",le="0.0001"} 60
penstock_stage_seconds_bucket{shard="0",stage="device",le="0.0002"} 110
penstock_stage_seconds_bucket{shard="0",stage="device",le="+Inf"} 110
penstock_stage_seconds_sum{shard="0",stage="device"} 0.013
penstock_stage_seconds_count{shard="0",stage="device"} 110
penstock_stage_seconds_bucket{shard="1",stage="device",le="0.0001"} 100
penstock_stage_seconds_bucket{shard="1",stage="device",le="0.0002"} 100
penstock_stage_seconds_bucket{shard="1",stage="device",le="+Inf"} 100
penstock_stage_seconds_sum{shard="1",stage="device"} 0.008
penstock_stage_seconds_count{shard="1",stage="device"} 100
)";

TEST(BrokerMetrics, AreThoseSinceTheBeginningOfAllShards) {
  const auto stages = BrokerMetrics::parse(kAfter).since(BrokerMetrics::parse(kBefore));
  ASSERT_THAT(stages, SizeIs(1));
  EXPECT_EQ(stages[0].name, "device");
  EXPECT_NEAR(stages[0].mean_us, 100, 1e-6);  // 20 ms in 200 commits
  ASSERT_TRUE(stages[0].p99_us.has_value());
  EXPECT_NEAR(*stages[0].p99_us, 200, 1e-6);
}

TEST(BrokerMetrics, WithoutCommitsThereIsNothing) {
  EXPECT_THAT(BrokerMetrics::parse(kBefore).since(BrokerMetrics::parse(kBefore)), SizeIs(0));
  EXPECT_THAT(BrokerMetrics::parse("nonsense\npenstock_stage_seconds_sum{ 1\n").since({}), SizeIs(0));
}

TEST(BrokerMetrics, SayWhoDidNotAnswer) {
  const auto fetched = BrokerMetrics::fetch("127.0.0.1:1");
  ASSERT_FALSE(fetched.has_value());
  EXPECT_THAT(fetched.error().message(), HasSubstr("127.0.0.1:1"));
  EXPECT_EQ(BrokerMetrics::fetch("nonsense").error().code(), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace penstock::benchmark
