#include "cli/log_dump.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/exit_code.h"
#include "cli/testing/captured_program.h"
#include "cli/testing/stored_log_builder.h"

namespace penstock::cli {
namespace {

using Json = nlohmann::json;

std::vector<Json> lines_of(const std::string& text) {
  std::vector<Json> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(Json::parse(line));
  return lines;
}

std::size_t count_type(const std::vector<Json>& lines, std::string_view type) {
  return static_cast<std::size_t>(
      std::ranges::count_if(lines, [type](const Json& line) { return line["type"] == type; }));
}

TEST(LogDump, ShowsSegmentsEntriesAndRecords) {
  StoredLogBuilder log;
  log.add_sealed_segment(1);
  log.add_sealed_segment(2);
  const Captured captured = run_captured({"log", "dump", "--records", "--json", log.data_directory()});
  EXPECT_EQ(captured.exit_code, kSuccess) << captured.err;
  const auto lines = lines_of(captured.out);
  EXPECT_EQ(count_type(lines, "segment"), 2U);
  EXPECT_EQ(count_type(lines, "entry"), 6U);
  EXPECT_EQ(count_type(lines, "record"), 12U);
  EXPECT_EQ(lines[0]["topic_id"], "000102030405060708090a0b0c0d0e0f");
  EXPECT_EQ(lines[1]["byte"], log::kFirstCommit.value);
  EXPECT_EQ(lines[2]["key"], "key");
}

TEST(LogDump, TheLimitCountsEntriesOrRecords) {
  StoredLogBuilder log;
  log.add_sealed_segment(1);
  const auto entries =
      lines_of(run_captured({"log", "dump", "--json", "--limit", "2", log.data_directory()}).out);
  EXPECT_EQ(count_type(entries, "entry"), 2U);
  const auto records = lines_of(
      run_captured({"log", "dump", "--json", "--records", "--limit", "3", log.data_directory()}).out);
  EXPECT_EQ(count_type(records, "record"), 3U);
}

TEST(LogDump, DamageIsShownAndPassed) {
  StoredLogBuilder log;
  log.add_sealed_segment(1);
  StoredLogBuilder::flip_byte(log.segment_file(), log.entry_positions()[1] + 100);
  const auto lines = lines_of(run_captured({"log", "dump", "--json", log.segment_file()}).out);
  EXPECT_EQ(count_type(lines, "entry"), 2U);
  ASSERT_EQ(count_type(lines, "gap"), 1U);
  EXPECT_EQ(lines[2]["from_byte"], log.entry_positions()[1].value);
  const Captured text = run_captured({"log", "dump", log.segment_file()});
  EXPECT_NE(text.out.find("checksum is wrong"), std::string::npos) << text.out;
}

TEST(LogDump, ASegmentWithoutAHeaderOrIndexSaysSo) {
  StoredLogBuilder log;
  log.begin_segment(1);
  log.commit();
  StoredLogBuilder::zero_bytes(log.segment_file(), FilePosition{0}, log::kFirstCommit.value);
  const Captured captured = run_captured({"log", "dump", log.segment_file()});
  EXPECT_EQ(captured.exit_code, kSuccess);
  EXPECT_NE(captured.out.find("no intact header"), std::string::npos) << captured.out;
}

}  // namespace
}  // namespace penstock::cli
