#include "cli/log_verify.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "broker/topic_records.h"
#include "cli/exit_code.h"
#include "cli/testing/captured_program.h"
#include "cli/testing/stored_log_builder.h"
#include "disk/data_lock.h"

namespace penstock::cli {
namespace {

using Json = nlohmann::json;

class LogVerifyTest : public testing::Test {
 protected:
  Captured verify(const std::string& path) { return run_captured({"log", "verify", path}); }

  // The report's JSON; the exit code must fit it.
  Json report() {
    const Captured captured = run_captured({"log", "verify", "--json", log_.data_directory()});
    Json json = Json::parse(captured.out);
    EXPECT_EQ(captured.exit_code, json["damage"].empty() ? kSuccess : kDamage);
    return json;
  }

  // The one thing that is wrong.
  Json only_damage() {
    const Json json = report();
    EXPECT_EQ(json["damage"].size(), 1U) << json.dump(2);
    return json["damage"].empty() ? Json::object() : json["damage"][0];
  }

  FilePosition entry(std::size_t index) const { return log_.entry_positions().at(index); }

  StoredLogBuilder log_;
};

TEST_F(LogVerifyTest, AnIntactLogIsCountedAndFoundIntact) {
  log_.add_sealed_segment(1);
  log_.add_sealed_segment(2);
  log_.begin_segment(3);
  log_.commit({.batches = 5});

  const Json json = report();
  EXPECT_TRUE(json["damage"].empty()) << json.dump(2);
  EXPECT_EQ(json["topics"], 1);
  EXPECT_EQ(json["partitions"], 1);
  EXPECT_EQ(json["segments"], 3);
  EXPECT_EQ(json["unsealed_segments"], 1);
  EXPECT_EQ(json["entries"], 11);
  EXPECT_EQ(json["torn_tails"], 0);

  const Captured captured = verify(log_.data_directory());
  EXPECT_EQ(captured.exit_code, kSuccess);
  EXPECT_NE(captured.out.find("no damage"), std::string::npos) << captured.out;
  EXPECT_EQ(captured.err, "");
}

TEST_F(LogVerifyTest, TakesADataTopicOrPartitionDirectoryOrASegmentFile) {
  log_.add_sealed_segment(1);
  log_.add_sealed_segment(2);
  for (const std::string& path :
       {log_.data_directory(), log_.topic_directory(), log_.partition_directory()}) {
    const Captured captured = verify(path);
    EXPECT_EQ(captured.exit_code, kSuccess) << captured.out;
    EXPECT_NE(captured.out.find("2 segments (0 not sealed), 6 entries"), std::string::npos)
        << captured.out;
  }
  const Captured one = verify(log_.segment_file(2));
  EXPECT_EQ(one.exit_code, kSuccess) << one.out;
  EXPECT_NE(one.out.find("1 segment (0 not sealed), 3 entries"), std::string::npos) << one.out;
}

TEST_F(LogVerifyTest, WhatIsNotALogIsRefused) {
  const Captured captured = verify("/proc/self");
  EXPECT_EQ(captured.exit_code, kFailed);
  EXPECT_NE(captured.err.find("not a data directory"), std::string::npos) << captured.err;
  EXPECT_EQ(verify(log_.data_directory() + "/nowhere").exit_code, kFailed);
}

TEST_F(LogVerifyTest, AnEmptySegmentThatWasPreparedIsNoDamage) {
  log_.add_sealed_segment(1);
  log_.begin_segment(2);
  EXPECT_TRUE(report()["damage"].empty());
}

// --- Headers -------------------------------------------------------------------------------------

TEST_F(LogVerifyTest, ADamagedHeaderCopyIsNamedByItsNumber) {
  log_.add_sealed_segment();
  StoredLogBuilder::flip_byte(log_.segment_file(), FilePosition{kBlockBytes + 41});
  const Json damage = only_damage();
  EXPECT_EQ(damage["kind"], "header");
  EXPECT_EQ(damage["file"], log_.segment_file());
  EXPECT_EQ(damage["from_byte"], kBlockBytes);
  EXPECT_EQ(damage["what"], "header copy 2: segment header checksum mismatch; the other copy is used");
  EXPECT_EQ(report()["entries"], 3);
}

TEST_F(LogVerifyTest, WithTheFirstHeaderCopyGoneTheSecondTellsTheSalt) {
  log_.add_sealed_segment();
  StoredLogBuilder::zero_bytes(log_.segment_file(), FilePosition{0}, kBlockBytes);
  const Json damage = only_damage();
  EXPECT_EQ(damage["kind"], "header");
  EXPECT_EQ(damage["from_byte"], 0);
  EXPECT_EQ(report()["entries"], 3);
}

TEST_F(LogVerifyTest, WithBothHeaderCopiesGoneTheOffsetsAreNamedFromTheIndex) {
  log_.add_sealed_segment();
  for (const FilePosition copy : log::kHeaderCopies) {
    StoredLogBuilder::flip_byte(log_.segment_file(), copy + 41);
  }
  const Json json = report();
  ASSERT_EQ(json["damage"].size(), 3U) << json.dump(2);
  EXPECT_EQ(json["damage"][2]["first_offset"], 0);
  EXPECT_EQ(json["damage"][2]["last_offset"], 5);
  EXPECT_NE(json["damage"][2]["what"].get<std::string>().find("no copy of the header"),
            std::string::npos);
}

TEST_F(LogVerifyTest, CopiesOfTheHeaderThatDifferAreNamed) {
  log_.add_sealed_segment();
  AlignedBuffer block(kBlockBytes);
  log::SegmentHeader other = log_.segment().header;
  other.created_ms += 1;
  other.encode(block.span());
  StoredLogBuilder::overwrite(log_.segment_file(), FilePosition{kBlockBytes}, block.view());
  EXPECT_NE(only_damage()["what"].get<std::string>().find("differ"), std::string::npos);
}

TEST_F(LogVerifyTest, ASegmentThatBelongsElsewhereIsNamed) {
  log_.add_sealed_segment(1);
  std::filesystem::rename(log_.segment_file(1), log_.segment_file(7));
  std::filesystem::rename(log_.index_file(1), log_.index_file(7));
  const Json json = report();
  ASSERT_FALSE(json["damage"].empty());
  EXPECT_EQ(json["damage"][0]["kind"], "identity");
  EXPECT_EQ(json["damage"][0]["what"], "its header says that it is segment 1");
}

TEST_F(LogVerifyTest, ASegmentOfAnotherTopicIsNamed) {
  log_.add_sealed_segment();
  StoredLogBuilder::write_text(log_.topic_file(),
                               R"({"format":1,"name":"orders","id":"ffffffffffffffffffffffffffffffff",)"
                               R"("partitions":1,"leader_epoch":0,"created_ms":1700000000000})");
  const Json damage = only_damage();
  EXPECT_EQ(damage["kind"], "identity");
  EXPECT_NE(damage["what"].get<std::string>().find("000102030405060708090a0b0c0d0e0f"),
            std::string::npos);
}

TEST_F(LogVerifyTest, ATopicDescriptionThatIsGoneOrGarbledIsNamedAndTheSegmentsAreStillRead) {
  log_.add_sealed_segment();
  StoredLogBuilder::write_text(log_.topic_file(), "{");
  Json json = report();
  ASSERT_EQ(json["damage"].size(), 1U) << json.dump(2);
  EXPECT_EQ(json["damage"][0]["kind"], "topic");
  EXPECT_EQ(json["entries"], 3);
  std::filesystem::remove(log_.topic_file());
  json = report();
  ASSERT_EQ(json["damage"].size(), 1U) << json.dump(2);
  EXPECT_EQ(json["damage"][0]["file"], log_.catalog_directory());
  EXPECT_EQ(json["entries"], 3);
  EXPECT_TRUE(json["damage"][0]["what"].get<std::string>().contains(log_.topic_directory()));
}

TEST_F(LogVerifyTest, ATopicThatTheCatalogDescribesIsHeldAgainstIt) {
  log_.add_sealed_segment();
  std::filesystem::remove(log_.topic_file());
  broker::Topic topic = log_.topic();
  log_.write_catalog({broker::topic_key("orders"), broker::encode(topic)});
  EXPECT_TRUE(report()["damage"].empty());
  EXPECT_EQ(report()["entries"], 3);
  topic.partition_count = 2;
  log_.write_catalog({broker::topic_key("orders"), broker::encode(topic)});
  Json damage = only_damage();
  EXPECT_EQ(damage["file"], log_.catalog_directory());
  EXPECT_EQ(damage["what"], "says that the topic has 2 partitions, but 1 of them have a directory");
  topic.partition_count = 1;
  topic.id.bytes.fill(std::byte{0xFF});
  log_.write_catalog({broker::topic_key("orders"), broker::encode(topic)});
  EXPECT_EQ(only_damage()["kind"], "identity");
}

TEST_F(LogVerifyTest, ATopicThatTheCatalogSaysIsDeletedIsNoDamage) {
  log_.add_sealed_segment();
  std::filesystem::remove(log_.topic_file());
  log_.write_catalog({broker::deleted_topic_key("orders"),
                      broker::encode(broker::DeletedTopic{"orders", log_.topic().id, 1})});
  EXPECT_TRUE(report()["damage"].empty());
}

TEST_F(LogVerifyTest, ACatalogThatCannotBeReadIsNamedAndTheSegmentsAreStillRead) {
  log_.add_sealed_segment();
  std::filesystem::remove(log_.topic_file());
  log_.write_catalog({broker::topic_key("orders"), "rubbish"});
  const Json json = report();
  ASSERT_EQ(json["damage"].size(), 1U) << json.dump(2);
  EXPECT_EQ(json["damage"][0]["kind"], "topic");
  EXPECT_EQ(json["damage"][0]["file"], log_.catalog_directory());
  EXPECT_EQ(json["entries"], 3);
  EXPECT_TRUE(
      verify(log_.data_directory()).out.contains(log_.catalog_directory() + ": cannot be read"));
}

TEST_F(LogVerifyTest, ACopyOfATopicHasNoDescriptionAndNeedsNone) {
  log_.add_sealed_segment();
  std::filesystem::remove(log_.topic_file());
  const TempDirectory copies;
  std::filesystem::copy(log_.topic_directory(), copies / "copy",
                        std::filesystem::copy_options::recursive);
  const Captured captured = verify(copies / "copy");
  EXPECT_EQ(captured.exit_code, kSuccess) << captured.out << captured.err;
}

TEST_F(LogVerifyTest, ATopicThatIsJustBeingCreatedOrHasJustBeenDeletedIsNoDamage) {
  std::filesystem::remove(log_.topic_file());
  EXPECT_TRUE(report()["damage"].empty());
}

TEST_F(LogVerifyTest, APartitionWithoutADirectoryIsNamed) {
  StoredLogBuilder::write_text(log_.topic_file(),
                               R"({"format":1,"name":"orders","id":"000102030405060708090a0b0c0d0e0f",)"
                               R"("partitions":2,"leader_epoch":0,"created_ms":1700000000000})");
  EXPECT_EQ(only_damage()["what"],
            "says that the topic has 2 partitions, but 1 of them have a directory");
}

// --- Entries -------------------------------------------------------------------------------------

TEST_F(LogVerifyTest, ADamagedEntryHeaderIsNamedByOffsetsAndBytes) {
  log_.add_sealed_segment();
  for (std::uint64_t at = 0; at < log::kEntryHeaderBytes + log::kBatchPrefixBytes; ++at) {
    StoredLogBuilder::flip_byte(log_.segment_file(), entry(1) + at);
    const Json damage = only_damage();
    EXPECT_EQ(damage["kind"], "entry");
    EXPECT_EQ(damage["topic"], "orders");
    EXPECT_EQ(damage["partition"], 0);
    EXPECT_EQ(damage["first_offset"], 2);
    EXPECT_EQ(damage["last_offset"], 3);
    EXPECT_EQ(damage["file"], log_.segment_file());
    EXPECT_EQ(damage["from_byte"], entry(1).value);
    EXPECT_EQ(damage["to_byte"], entry(2).value - 1);
    EXPECT_EQ(damage["what"], "no intact entry header where an entry should be") << "byte " << at;
    StoredLogBuilder::flip_byte(log_.segment_file(), entry(1) + at);
  }
  EXPECT_TRUE(report()["damage"].empty());
}

TEST_F(LogVerifyTest, ADamagedPayloadIsToldFromADamagedHeader) {
  log_.add_sealed_segment();
  const std::uint64_t first = log::kEntryHeaderBytes + log::kBatchPrefixBytes;
  for (const std::uint64_t at : {first, first + 1, first + 50, first + 120}) {
    StoredLogBuilder::flip_byte(log_.segment_file(), entry(1) + at);
    const Json damage = only_damage();
    EXPECT_EQ(damage["first_offset"], 2);
    EXPECT_EQ(damage["last_offset"], 3);
    EXPECT_NE(damage["what"].get<std::string>().find("batch's checksum is wrong"), std::string::npos)
        << "byte " << at;
    StoredLogBuilder::flip_byte(log_.segment_file(), entry(1) + at);
  }
}

TEST_F(LogVerifyTest, ADamagedBatchInTheMiddleOfACommitTakesNoOtherWithIt) {
  log_.begin_segment();
  log_.commit({.batches = 5});
  log_.commit();
  log_.seal();
  StoredLogBuilder::flip_byte(log_.segment_file(), entry(2) + 100);
  const Json damage = only_damage();
  EXPECT_EQ(damage["first_offset"], 4);
  EXPECT_EQ(damage["last_offset"], 5);
  EXPECT_EQ(damage["from_byte"], entry(2).value);
  EXPECT_EQ(damage["to_byte"], entry(3).value - 1);
  EXPECT_EQ(report()["entries"], 5);
}

TEST_F(LogVerifyTest, SeveralDamagedBatchesOfACommitAreNamedOneByOne) {
  log_.begin_segment();
  log_.commit({.batches = 7});
  log_.commit();
  log_.seal();
  for (const std::size_t index : {1U, 3U, 4U})
    StoredLogBuilder::flip_byte(log_.segment_file(), entry(index) + 100);
  const Json json = report();
  ASSERT_EQ(json["damage"].size(), 2U) << json.dump(2);
  EXPECT_EQ(json["damage"][0]["first_offset"], 2);
  EXPECT_EQ(json["damage"][0]["last_offset"], 3);
  EXPECT_EQ(json["damage"][1]["first_offset"], 6);
  EXPECT_EQ(json["damage"][1]["last_offset"], 9);
  EXPECT_EQ(json["entries"], 5);
}

TEST_F(LogVerifyTest, AnyFlippedByteIsFoundUnlessItIsPadding) {
  constexpr std::uint64_t kStrideBytes = 61;
  log_.begin_segment();
  log_.commit({.batches = 3});
  log_.commit({.value_bytes = 3000});
  log_.commit({.batches = 2});
  log_.seal();
  const std::uint64_t size = std::filesystem::file_size(log_.segment_file());
  std::uint64_t found = 0;
  for (std::uint64_t at = 0; at < size; at += kStrideBytes) {
    StoredLogBuilder::flip_byte(log_.segment_file(), FilePosition{at});
    const Json damage = report()["damage"];
    ASSERT_EQ(damage.size(), log_.is_padding(FilePosition{at}) ? 0U : 1U)
        << "byte " << at << damage.dump(2);
    if (!damage.empty()) {
      EXPECT_LE(damage[0]["from_byte"], at);
      EXPECT_GE(damage[0]["to_byte"], at);
      found += 1;
    }
    StoredLogBuilder::flip_byte(log_.segment_file(), FilePosition{at});
  }
  EXPECT_GT(found, 100U);
}

TEST_F(LogVerifyTest, ADamagedLastEntryOfASealedSegmentIsDamage) {
  log_.add_sealed_segment();
  StoredLogBuilder::flip_byte(log_.segment_file(), entry(2) + 100);
  const Json damage = only_damage();
  EXPECT_EQ(damage["kind"], "entry");
  EXPECT_EQ(damage["first_offset"], 4);
  EXPECT_EQ(damage["last_offset"], 5);
}

TEST_F(LogVerifyTest, AHoleOfZerosIsNamedAsSuch) {
  log_.begin_segment();
  for (int i = 0; i < 6; ++i) log_.commit();
  log_.seal();
  StoredLogBuilder::zero_bytes(log_.segment_file(), entry(1), 3 * kBlockBytes);
  const Json damage = only_damage();
  EXPECT_EQ(damage["what"], "zeros where an entry should be");
  EXPECT_EQ(damage["first_offset"], 2);
  EXPECT_EQ(damage["last_offset"], 7);
  EXPECT_EQ(damage["from_byte"], entry(1).value);
  EXPECT_EQ(damage["to_byte"], entry(4).value - 1);
}

TEST_F(LogVerifyTest, AHoleLargerThanRecoveryLooksIsStillBridged) {
  log_.begin_segment();
  for (int i = 0; i < 9; ++i) log_.commit({.records_per_batch = 1, .value_bytes = 100'000});
  log_.seal();
  StoredLogBuilder::zero_bytes(log_.segment_file(), entry(0), entry(8) - entry(0));
  const Json damage = only_damage();
  EXPECT_EQ(damage["first_offset"], 0);
  EXPECT_EQ(damage["last_offset"], 7);
}

TEST_F(LogVerifyTest, ATruncatedSegmentIsNamedWithBothSizes) {
  log_.add_sealed_segment();
  for (const std::uint64_t size :
       {entry(2).value + 60, entry(2).value + 10, entry(2).value, entry(1).value + 70}) {
    std::filesystem::resize_file(log_.segment_file(), size);
    const Json damage = only_damage();
    EXPECT_EQ(damage["kind"], "truncated") << size;
    EXPECT_EQ(damage["first_offset"], size > entry(2).value    ? 4
                                      : size == entry(2).value ? 4
                                                               : 2)
        << size;
    EXPECT_EQ(damage["last_offset"], 5);
    EXPECT_NE(damage["what"].get<std::string>().find(fmt::format("the file has {} bytes", size)),
              std::string::npos);
  }
}

TEST_F(LogVerifyTest, AFileWithoutAnythingInItIsNamed) {
  log_.add_sealed_segment(1);
  log_.add_sealed_segment(2);
  std::filesystem::resize_file(log_.segment_file(1), 0);
  const Json json = report();
  EXPECT_EQ(json["damage"][0]["what"], "header copy 1: the file ends before it");
  EXPECT_EQ(json["entries"], 3);
}

// --- Torn tails ----------------------------------------------------------------------------------

TEST_F(LogVerifyTest, ATornTailOfTheNewestSegmentIsNoDamage) {
  log_.add_sealed_segment(1);
  log_.begin_segment(2);
  log_.commit();
  log_.commit({.value_bytes = 10'000, .acknowledges = false});
  StoredLogBuilder::zero_bytes(log_.segment_file(2), entry(1) + kBlockBytes, kBlockBytes);
  const Json json = report();
  EXPECT_TRUE(json["damage"].empty()) << json.dump(2);
  EXPECT_EQ(json["torn_tails"], 1);
  EXPECT_EQ(json["entries"], 4);
}

TEST_F(LogVerifyTest, ALaterCommitThatArrivedAloneBelongsToTheTornTail) {
  log_.begin_segment();
  log_.commit();
  log_.commit();
  log_.commit({.acknowledges = false});
  StoredLogBuilder::zero_bytes(log_.segment_file(), entry(1), kBlockBytes);
  const Json json = report();
  EXPECT_TRUE(json["damage"].empty()) << json.dump(2);
  EXPECT_EQ(json["torn_tails"], 1);
  EXPECT_EQ(json["entries"], 1);
}

TEST_F(LogVerifyTest, ALostCommitThatALaterOneSaysWasDurableIsDamage) {
  log_.begin_segment();
  log_.commit();
  log_.commit();
  log_.commit({.acknowledges = true});
  StoredLogBuilder::zero_bytes(log_.segment_file(), entry(1), kBlockBytes);
  const Json damage = only_damage();
  EXPECT_EQ(damage["first_offset"], 2);
  EXPECT_EQ(damage["last_offset"], 3);
}

TEST_F(LogVerifyTest, ALostEndOfAnUnsealedSegmentIsDamageWhenANewerOneGoesOnAfterIt) {
  log_.begin_segment(1);
  log_.commit();
  log_.commit();
  const FilePosition lost = entry(1);
  log_.begin_segment(2);
  log_.commit();
  StoredLogBuilder::zero_bytes(log_.segment_file(1), lost, kBlockBytes);
  const Json damage = only_damage();
  EXPECT_EQ(damage["kind"], "missing_offsets");
  EXPECT_EQ(damage["file"], log_.segment_file(2));
  EXPECT_EQ(damage["first_offset"], 2);
  EXPECT_EQ(damage["last_offset"], 3);
}

// --- Order ---------------------------------------------------------------------------------------

TEST_F(LogVerifyTest, AMissingSegmentIsNamedByItsOffsets) {
  log_.add_sealed_segment(1);
  log_.add_sealed_segment(2);
  log_.add_sealed_segment(3);
  std::filesystem::remove(log_.segment_file(2));
  std::filesystem::remove(log_.index_file(2));
  const Json damage = only_damage();
  EXPECT_EQ(damage["kind"], "missing_offsets");
  EXPECT_EQ(damage["file"], log_.segment_file(3));
  EXPECT_EQ(damage["first_offset"], 6);
  EXPECT_EQ(damage["last_offset"], 11);
}

TEST_F(LogVerifyTest, OffsetsMissingBetweenIntactEntriesAreNamed) {
  log_.begin_segment();
  log_.commit();
  log_.commit({.skipped_offsets = 10});
  log_.seal();
  const Json damage = only_damage();
  EXPECT_EQ(damage["kind"], "missing_offsets");
  EXPECT_EQ(damage["first_offset"], 2);
  EXPECT_EQ(damage["last_offset"], 11);
  EXPECT_EQ(damage["from_byte"], entry(1).value);
}

TEST_F(LogVerifyTest, OffsetsThatWereDeletedFromTheFrontAreNotMissing) {
  log_.add_sealed_segment(1);
  log_.add_sealed_segment(2);
  std::filesystem::remove(log_.segment_file(1));
  std::filesystem::remove(log_.index_file(1));
  EXPECT_TRUE(report()["damage"].empty());
}

TEST_F(LogVerifyTest, ASegmentThatARecoverySetAsideIsStillDamage) {
  log_.add_sealed_segment(1);
  std::filesystem::rename(log_.segment_file(1), log_.segment_file(1) + ".damaged");
  EXPECT_EQ(only_damage()["kind"], "set_aside");
}

// --- Index files ---------------------------------------------------------------------------------

TEST_F(LogVerifyTest, AMissingIndexFileOfASegmentThatWasSealedIsNamed) {
  log_.add_sealed_segment();
  std::filesystem::remove(log_.index_file());
  const Json damage = only_damage();
  EXPECT_EQ(damage["kind"], "index");
  EXPECT_EQ(damage["file"], log_.index_file());
  EXPECT_EQ(report()["entries"], 3);
}

TEST_F(LogVerifyTest, AGarbledIndexFileIsNamedWhereverItIsGarbled) {
  log_.add_sealed_segment();
  const std::uint64_t size = std::filesystem::file_size(log_.index_file());
  for (std::uint64_t at = 0; at < size; ++at) {
    StoredLogBuilder::flip_byte(log_.index_file(), FilePosition{at});
    const Json damage = only_damage();
    EXPECT_EQ(damage["kind"], "index") << "byte " << at;
    EXPECT_EQ(damage["file"], log_.index_file());
    StoredLogBuilder::flip_byte(log_.index_file(), FilePosition{at});
  }
}

TEST_F(LogVerifyTest, TheIndexFileOfAnotherSegmentIsNamed) {
  log_.add_sealed_segment(1);
  log_.add_sealed_segment(2);
  std::filesystem::copy_file(log_.index_file(1), log_.index_file(2),
                             std::filesystem::copy_options::overwrite_existing);
  const Json damage = only_damage();
  EXPECT_EQ(damage["kind"], "index");
  EXPECT_NE(damage["what"].get<std::string>().find("another segment"), std::string::npos);
}

TEST_F(LogVerifyTest, AnIndexWithAPlaceThatIsNoEntryIsNamedThoughItsChecksumIsRight) {
  log_.add_sealed_segment();
  log::SealedIndex index = log_.segment().to_sealed_index();
  index.index = log::SegmentIndex();
  log::BatchHeader batch;
  index.index.note(batch, log_.entry_positions()[0]);
  batch.base_offset = Offset{2};
  index.index.note(batch, log_.entry_positions()[1] + 8, /*force=*/true);
  StoredLogBuilder::write_bytes(log_.index_file(), index.encode());
  const Json damage = only_damage();
  EXPECT_EQ(damage["kind"], "index");
  EXPECT_EQ(damage["first_offset"], 2);
}

TEST_F(LogVerifyTest, AnIndexThatIsNotTheRebuiltOneIsNamedThoughItsChecksumIsRight) {
  log_.add_sealed_segment();
  log::SealedIndex index = log_.segment().to_sealed_index();
  index.index = log::SegmentIndex();
  log::BatchHeader batch;
  batch.max_timestamp_ms = 5;
  index.index.note(batch, log_.entry_positions()[0]);
  StoredLogBuilder::write_bytes(log_.index_file(), index.encode());
  EXPECT_NE(only_damage()["what"].get<std::string>().find("not the one that its segment gives"),
            std::string::npos);
}

TEST_F(LogVerifyTest, AtTheEndOfARewrittenSegmentDamageIsNoTornTailAlsoWithoutItsIndex) {
  log_.begin_segment();
  log_.commit({.durable_end = Offset{6}});
  log_.commit({.durable_end = Offset{6}});
  log_.commit({.durable_end = Offset{6}});
  StoredLogBuilder::flip_byte(log_.segment_file(), entry(2) + 100);
  const Json json = report();
  EXPECT_EQ(json["torn_tails"], 0);
  ASSERT_EQ(json["damage"].size(), 1U) << json.dump(2);
  EXPECT_EQ(json["damage"][0]["kind"], "entry");
  EXPECT_EQ(json["damage"][0]["first_offset"], 4);
}

TEST_F(LogVerifyTest, DamageThatARecoveryRecordedIsSaidToBeKnown) {
  log_.begin_segment();
  log_.commit();
  log_.commit();
  log_.commit();
  log_.seal();
  log::SealedIndex index = log_.segment().to_sealed_index();
  index.damaged.push_back({Offset{2}, Offset{4}, entry(1)});
  StoredLogBuilder::write_bytes(log_.index_file(), index.encode());
  StoredLogBuilder::flip_byte(log_.segment_file(), entry(1) + 100);
  EXPECT_NE(only_damage()["what"].get<std::string>().find("known since the recovery"),
            std::string::npos);
}

// --- Beside a server -----------------------------------------------------------------------------

TEST_F(LogVerifyTest, ADirectoryInUseIsReadAndThatIsSaid) {
  log_.add_sealed_segment();
  const auto lock = DirectoryLock::acquire(log_.data_directory());
  ASSERT_TRUE(lock.has_value());
  const Captured captured = verify(log_.partition_directory());
  EXPECT_EQ(captured.exit_code, kSuccess);
  EXPECT_NE(captured.err.find("is serving this log"), std::string::npos) << captured.err;
}

TEST_F(LogVerifyTest, DamageBesideAServerIsFoundOnTheSecondLookToo) {
  log_.begin_segment();
  for (int i = 0; i < 4; ++i) log_.commit();
  StoredLogBuilder::flip_byte(log_.segment_file(), entry(1) + 100);
  const auto lock = DirectoryLock::acquire(log_.data_directory());
  ASSERT_TRUE(lock.has_value());
  const Json damage = only_damage();
  EXPECT_EQ(damage["first_offset"], 2);
  EXPECT_EQ(damage["last_offset"], 3);
  EXPECT_EQ(report()["entries"], 3);
}

}  // namespace
}  // namespace penstock::cli
