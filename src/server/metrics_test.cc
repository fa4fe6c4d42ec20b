#include "server/metrics.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

namespace penstock::server {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

ShardStats some_stats() {
  ShardStats stats;
  stats.ring.emplace();
  stats.log.commits = 3;
  stats.log.device_latency.add(std::chrono::microseconds(70));
  stats.log.device_latency.add(std::chrono::microseconds(300));
  stats.log.device_latency.add(std::chrono::seconds(60));
  stats.partitions.fenced = 2;
  return stats;
}

std::string text_of(AllShardStats shards) {
  ServerStats server;
  server.version = "1 \"quoted\" \\ and\nbroken";
  server.io_mode = "direct";
  server.lags.lags.push_back({"caf\u00e9 \xff \"x\"", "t", 3, 9});
  return metrics_text(server, shards);
}

TEST(Metrics, TheReferenceInTheDocumentationIsComplete) {
  std::ifstream file(std::string(PENSTOCK_DOCS_DIRECTORY) + "/metrics.md");
  std::stringstream text;
  text << file.rdbuf();
  std::string documented;
  for (const std::string& line : lines_of(text.str())) {
    if (line.starts_with("| `penstock_")) documented += line + "\n";
  }
  EXPECT_EQ(documented, metrics_reference()) << "docs/metrics.md is to have these rows";
}

TEST(Metrics, NamesFollowPrometheusRules) {
  std::set<std::string> names;
  for (const std::string& row : lines_of(metrics_reference())) {
    const std::string name = row.substr(3, row.find('`', 3) - 3);
    const bool is_counter = row.contains("| counter |");
    EXPECT_TRUE(names.insert(name).second) << name << " stands twice";
    EXPECT_TRUE(name.starts_with("penstock_")) << name;
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string::npos) << name;
    EXPECT_EQ(name.ends_with("_total"), is_counter) << name;
    EXPECT_EQ(name.contains("_bytes"), row.contains("| bytes |")) << name;
    EXPECT_EQ(name.contains("_seconds"), row.contains("| seconds |")) << name;
  }
  EXPECT_GT(names.size(), 50U);
}

// Every sample comes below the HELP and TYPE lines of its own metric, and is a name, labels, a number.
TEST(Metrics, TheTextIsOfTheFormat) {
  const std::string text = text_of({some_stats(), some_stats()});
  std::string metric;
  std::string type;
  std::set<std::string> samples;
  for (const std::string& line : lines_of(text)) {
    if (line.starts_with("# HELP ")) {
      metric = line.substr(7, line.find(' ', 7) - 7);
      type.clear();
    } else if (line.starts_with("# TYPE ")) {
      ASSERT_TRUE(line.starts_with("# TYPE " + metric + " ")) << line;
      type = line.substr(8 + metric.size());
    } else {
      ASSERT_FALSE(type.empty()) << line;
      ASSERT_TRUE(line.starts_with(metric)) << line;
      const std::size_t space = line.rfind(' ');
      ASSERT_NE(space, std::string::npos) << line;
      std::size_t read = 0;
      EXPECT_GE(std::stod(line.substr(space + 1), &read), 0) << line;
      EXPECT_EQ(read, line.size() - space - 1) << line;
      EXPECT_TRUE(samples.insert(line.substr(0, space)).second) << line << " comes twice";
    }
  }
  EXPECT_TRUE(text.contains(
      "penstock_group_lag{group=\"caf\u00e9 \\\\xff \\\"x\\\"\",topic=\"t\",partition=\"3\"} 9"))
      << text;
  EXPECT_TRUE(text.contains("penstock_info{version=\"1 \\\"quoted\\\" \\\\ and\\nbroken\",io_mode="));
}

TEST(Metrics, AHistogramCountsUpToItsEnd) {
  const std::string text = text_of({some_stats()});
  const std::string name = "penstock_stage_seconds";
  EXPECT_TRUE(text.contains(name + "_bucket{shard=\"0\",stage=\"device\",le=\"5e-05\"} 0\n")) << text;
  EXPECT_TRUE(text.contains(name + "_bucket{shard=\"0\",stage=\"device\",le=\"0.0001\"} 1\n"));
  EXPECT_TRUE(text.contains(name + "_bucket{shard=\"0\",stage=\"device\",le=\"0.0005\"} 2\n"));
  EXPECT_TRUE(text.contains(name + "_bucket{shard=\"0\",stage=\"device\",le=\"10\"} 2\n"));
  EXPECT_TRUE(text.contains(name + "_bucket{shard=\"0\",stage=\"device\",le=\"+Inf\"} 3\n"));
  EXPECT_TRUE(text.contains(name + "_count{shard=\"0\",stage=\"device\"} 3\n"));
}

TEST(Metrics, AShardThatDidNotAnswerIsReported) {
  const std::string text = text_of({some_stats(), std::nullopt});
  EXPECT_TRUE(text.contains("penstock_shard_up{shard=\"0\"} 1\n"));
  EXPECT_TRUE(text.contains("penstock_shard_up{shard=\"1\"} 0\n"));
  EXPECT_TRUE(text.contains("penstock_commits_total{shard=\"0\"} 3\n"));
  EXPECT_FALSE(text.contains("penstock_commits_total{shard=\"1\"}"));
  EXPECT_TRUE(text.contains("penstock_partitions{shard=\"0\",state=\"fenced\"} 2\n"));
}

}  // namespace
}  // namespace penstock::server
