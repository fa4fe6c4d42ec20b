// A checker that cannot fail is worse than none: each fault is planted in a good log and must be found.

#include "ack_ledger.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

namespace penstock::tests {
namespace {

struct Stored {
  std::int64_t offset;
  std::vector<char> bytes;
};

// Producers 1 and 2 have sent 100 messages each to partition 0, in turn; those of producer 2 with an
// odd sequence were never acknowledged.
class LogCheckerTest : public testing::Test {
 protected:
  LogCheckerTest() {
    for (std::int64_t offset = 0; offset < 200; ++offset) {
      MessageId id{.producer = offset % 2 == 0 ? 1U : 2U,
                   .sequence = static_cast<std::uint64_t>(offset) / 2};
      id.size_bytes = message_size(id.producer, id.sequence, 16, 4096);
      log_.push_back({offset, make_message(id)});
      if (id.producer == 1 || id.sequence % 2 == 0) acks_.push_back({0, offset, id});
    }
  }

  // The checker's findings on the log as it is now.
  std::vector<std::string> check(std::int64_t end_offset = 200) {
    LogChecker checker(acks_);
    for (const Stored& stored : log_) checker.see(0, stored.offset, stored.bytes);
    checker.finish({{0, end_offset}});
    return checker.findings();
  }

  static bool mentions(const std::vector<std::string>& findings, std::string_view text) {
    return std::ranges::any_of(findings,
                               [&](const std::string& finding) { return finding.contains(text); });
  }

  std::vector<Ack> acks_;
  std::vector<Stored> log_;
};

TEST_F(LogCheckerTest, AGoodLogHasNoFindings) { EXPECT_TRUE(check().empty()); }

TEST_F(LogCheckerTest, UnacknowledgedMessagesMayBeMissingAtTheEnd) {
  log_.pop_back();
  EXPECT_TRUE(check(199).empty());
}

TEST_F(LogCheckerTest, AMissingLastMessageIsFound) {
  log_.resize(198);
  EXPECT_TRUE(mentions(check(198), "acknowledged and is missing"));
}

TEST_F(LogCheckerTest, AHoleInTheMiddleIsFound) {
  log_.erase(log_.begin() + 50);
  const auto findings = check();
  EXPECT_TRUE(mentions(findings, "expected offset 50 here"));
  EXPECT_TRUE(mentions(findings, "partition 0 offset 50: message 25 of producer 1"));
}

TEST_F(LogCheckerTest, AMessageThatMovedDownIsFound) {
  log_.erase(log_.begin() + 50);
  for (std::size_t i = 50; i < log_.size(); ++i) --log_[i].offset;
  EXPECT_TRUE(mentions(check(199), "was acknowledged here, but the log holds"));
}

TEST_F(LogCheckerTest, AnEmptyLogIsFound) {
  log_.clear();
  EXPECT_TRUE(mentions(check(0), "acknowledged and is missing"));
}

TEST_F(LogCheckerTest, ADuplicateOfAnAcknowledgedMessageIsFound) {
  log_.push_back({200, log_[10].bytes});
  const auto findings = check(201);
  EXPECT_TRUE(mentions(findings, "is in the log twice"));
}

TEST_F(LogCheckerTest, ADuplicateInPlaceOfAnotherMessageIsFound) {
  log_[12].bytes = log_[10].bytes;
  const auto findings = check();
  EXPECT_TRUE(mentions(findings, "is in the log twice"));
  EXPECT_TRUE(mentions(findings, "offset 12: message 6 of producer 1"));
}

TEST_F(LogCheckerTest, TwoSwappedMessagesAreFound) {
  std::swap(log_[20].bytes, log_[22].bytes);
  const auto findings = check();
  EXPECT_TRUE(mentions(findings, "was acknowledged here, but the log holds"));
  EXPECT_TRUE(mentions(findings, "stands after message"));
}

TEST_F(LogCheckerTest, SwappedMessagesThatWereNeverAcknowledgedAreFound) {
  std::swap(log_[3].bytes, log_[7].bytes);
  EXPECT_TRUE(mentions(check(), "stands after message"));
}

TEST_F(LogCheckerTest, OneChangedBitIsFound) {
  log_[30].bytes.back() = static_cast<char>(log_[30].bytes.back() ^ 1);
  EXPECT_TRUE(mentions(check(), "but the log holds changed bytes"));
}

TEST_F(LogCheckerTest, OneChangedBitOfAnUnacknowledgedMessageIsFound) {
  log_[3].bytes.back() = static_cast<char>(log_[3].bytes.back() ^ 1);
  EXPECT_TRUE(mentions(check(), "bytes that no producer sent"));
}

TEST_F(LogCheckerTest, ATruncatedMessageIsFound) {
  log_[30].bytes.pop_back();
  EXPECT_TRUE(mentions(check(), "but the log holds changed bytes"));
}

TEST_F(LogCheckerTest, TwoAcknowledgementsOfOneOffsetAreFound) {
  Ack again = acks_[5];
  again.message.sequence = 1000;
  acks_.push_back(again);
  EXPECT_TRUE(mentions(check(), "acknowledged twice"));
}

TEST_F(LogCheckerTest, ALogThatCannotBeReadToItsEndIsFound) {
  EXPECT_TRUE(mentions(check(201), "but the end is 201"));
}

TEST(AckFileTest, ALastLineThatWasCutIsLeftOut) {
  const std::string path = testing::TempDir() + "/ack_file_test";
  std::ofstream(path) << "producer 7\n0 100 5 64\n1 200 6 6";
  const std::vector<Ack> acks = read_acks(path);
  ASSERT_EQ(acks.size(), 1U);
  EXPECT_EQ(acks[0].offset, 100);
  EXPECT_EQ(acks[0].message, (MessageId{.producer = 7, .sequence = 5, .size_bytes = 64}));
}

// ack_messages.py asserts the same values.
TEST(MessageTest, BytesAreTheSameInEveryLanguage) {
  const std::vector<char> message = make_message({.producer = 3, .sequence = 12345, .size_bytes = 24});
  std::string hex;
  for (const char byte : message) hex += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  EXPECT_EQ(hex, "030000003930000000000000180000005c4c1b3e80807ccc");
  EXPECT_EQ(message_size(3, 12345, 16, 100'000), 763U);
}

}  // namespace
}  // namespace penstock::tests
