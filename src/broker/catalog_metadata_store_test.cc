#include "broker/catalog_metadata_store.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "broker/topic_records.h"
#include "catalog/testing/memory_catalog.h"
#include "disk/sim_disk.h"
#include "file/small_file.h"

namespace penstock::broker {
namespace {

constexpr const char* kTopics = "/data/topics";
constexpr const char* kDirectory = "/data/topics/orders";
constexpr const char* kSegment = "/data/topics/orders/0/00000000000000000001.seg";
constexpr SimCrash kDeaths[] = {SimCrash::kPowerCut, SimCrash::kKill};
constexpr std::uint64_t kSeedsPerStep = 8;
// More than any of the operations below takes.
constexpr std::uint64_t kMaxSteps = 60;

const Error kBroken(ErrorCode::kIo, "the catalog is broken");
const Error kFull(ErrorCode::kNoSpace, "the reserve is used up");

Topic some_topic() {
  Topic topic;
  for (std::size_t i = 0; i < topic.id.bytes.size(); ++i)
    topic.id.bytes[i] = static_cast<std::byte>(16 * i + 1);
  topic.name = "orders";
  topic.partition_count = 3;
  topic.leader_epoch = 5;
  topic.created_ms = 1'700'000'000'123;
  return topic;
}

// As earlier versions described it.
constexpr std::string_view kTopicJson =
    R"({"format":1,"name":"orders","id":"01112131415161718191a1b1c1d1e1f1","partitions":3,)"
    R"("leader_epoch":5,"created_ms":1700000000123,"settings":{"retention.ms":"1000"}})";

struct Storage {
  Storage() { disk.make_directories(kTopics); }
  SimStorage disk;
  catalog::testing::MemoryCatalogStorage catalog;
};

// One life of a store.
struct Life {
  explicit Life(Storage& storage, SimDiskOptions options = {})
      : machine(storage.disk, std::move(options)),
        catalog(storage.catalog),
        store(machine.scheduler, machine.disk, catalog, kTopics) {}

  template <typename T>
  T run(Task<T> task) {
    return machine.scheduler.run(std::move(task));
  }
  Result<void> create(Topic topic = some_topic()) { return run(store.create(std::move(topic))); }
  // As the controller does it.
  Result<void> remove(Topic topic = some_topic()) {
    auto removed = run(store.remove(topic));
    if (!removed) return removed;
    return run(store.sweep(std::move(topic)));
  }
  Result<void> change_to(std::int32_t partitions) {
    Topic to = some_topic();
    to.partition_count = partitions;
    return run(store.change(some_topic(), to));
  }
  Result<std::vector<Topic>> try_load() { return run(store.load()); }
  std::vector<Topic> load() {
    auto topics = try_load();
    EXPECT_TRUE(topics) << topics.error().message();
    return topics.value_or(std::vector<Topic>());
  }
  void die(SimCrash death) {
    if (!machine.disk.has_crashed()) machine.disk.crash(death);
  }
  // Durable.
  void make_file(const std::string& path, std::string_view text = "") {
    const std::size_t slash = path.rfind('/');
    const ByteView bytes = as_bytes(text);
    ASSERT_TRUE(run(file::replace_small_file(machine.disk, path.substr(0, slash),
                                             path.substr(slash + 1), {bytes.begin(), bytes.end()})));
  }
  bool is_directory(const std::string& path) {
    const auto info = run(machine.disk.info(path));
    return info && info->is_directory;
  }
  // Wholly, or not at all: returns which.
  bool topic_exists() {
    const auto topics = load();
    const bool exists = !topics.empty();
    EXPECT_LE(topics.size(), 1U);
    if (exists) {
      EXPECT_EQ(topics[0].id, some_topic().id);
      EXPECT_EQ(topics[0].partition_count, 3);
    }
    for (std::int32_t i = 0; i < 3; ++i) {
      EXPECT_EQ(is_directory(store.partition_directory(some_topic(), i)), exists) << "partition " << i;
    }
    EXPECT_EQ(is_directory(kDirectory), exists);
    return exists;
  }

  SimMachine machine;
  catalog::testing::MemoryCatalog catalog;
  CatalogMetadataStore store;
};

// What is left of a topic of an earlier version, with segments.
void make_earlier_topic(Storage& storage) {
  for (std::int32_t i = 0; i < 3; ++i)
    storage.disk.make_directories(fmt::format("{}/{}", kDirectory, i));
  Life life(storage);
  life.make_file(kSegment);
  life.make_file(std::string(kDirectory) + "/topic.json", kTopicJson);
}

class Store : public ::testing::Test {
 protected:
  std::size_t records() const { return storage_.catalog.size(); }
  Storage storage_;
};

TEST_F(Store, LoadsWhatWasCreated) {
  {
    Life life(storage_);
    EXPECT_TRUE(life.load().empty());
    ASSERT_TRUE(life.create());
  }
  Life life(storage_);
  EXPECT_TRUE(life.topic_exists());
}

TEST_F(Store, ASecondTopicOfTheSameNameIsRefusedAndTheFirstOneStays) {
  Life life(storage_);
  ASSERT_TRUE(life.create());
  const auto again = life.create();
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code(), ErrorCode::kExists);
  EXPECT_TRUE(life.topic_exists());
}

TEST_F(Store, WhatIsNotThereCannotBeRemovedOrChanged) {
  Life life(storage_);
  EXPECT_EQ(life.remove().error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(life.change_to(4).error().code(), ErrorCode::kNotFound);
  Topic another = some_topic();
  another.id.bytes[0] = std::byte{0xFF};
  ASSERT_TRUE(life.create(another));
  EXPECT_EQ(life.remove().error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(life.change_to(4).error().code(), ErrorCode::kNotFound);
}

TEST_F(Store, WhatIsRemovedLeavesNothing) {
  Life life(storage_);
  ASSERT_TRUE(life.create());
  ASSERT_TRUE(life.remove());
  EXPECT_EQ(records(), 0U);
  EXPECT_FALSE(life.topic_exists());
}

TEST_F(Store, AfterADeathAtAnyStepOfCreatingTheTopicExistsWhollyOrNotAtAll) {
  for (const SimCrash death : kDeaths) {
    for (std::uint64_t seed = 1; seed <= kSeedsPerStep; ++seed) {
      for (std::uint64_t step = 0; step <= kMaxSteps; ++step) {
        Storage storage;
        bool acknowledged = false;
        {
          Life life(storage, {.seed = seed});
          life.machine.disk.crash_after(step, death);
          acknowledged = life.create().has_value();
          life.die(death);
        }
        Life life(storage);
        const bool exists = life.topic_exists();
        ASSERT_EQ(exists, acknowledged) << "step " << step;
        if (HasFailure()) FAIL() << "step " << step << ", seed " << seed;
        // And the name can be used, or the topic be removed.
        ASSERT_TRUE(exists ? life.remove() : life.create());
      }
    }
  }
}

TEST_F(Store, AfterADeathAtAnyStepOfRemovingTheTopicExistsWhollyOrNotAtAll) {
  for (const SimCrash death : kDeaths) {
    for (std::uint64_t seed = 1; seed <= kSeedsPerStep; ++seed) {
      for (std::uint64_t step = 0; step <= kMaxSteps; ++step) {
        Storage storage;
        {
          Life life(storage);
          ASSERT_TRUE(life.create());
          life.make_file(kSegment);
        }
        bool acknowledged = false;
        {
          Life life(storage, {.seed = seed});
          life.machine.disk.crash_after(step, death);
          acknowledged = life.remove().has_value();
          life.die(death);
        }
        Life life(storage);
        ASSERT_TRUE(!life.topic_exists() || !acknowledged) << "step " << step;
        ASSERT_TRUE(storage.catalog.empty()) << "step " << step;
        if (HasFailure()) FAIL() << "step " << step << ", seed " << seed;
      }
    }
  }
}

TEST_F(Store, AWriteThatFailedAndTookEffectAllTheSameLeavesATopicThatIsWhole) {
  {
    Life life(storage_);
    life.catalog.fail_late_with(kBroken);
    EXPECT_FALSE(life.create());
  }
  EXPECT_TRUE(Life(storage_).topic_exists());
  {
    Life life(storage_);
    life.catalog.fail_late_with(kBroken);
    EXPECT_FALSE(life.remove());
  }
  EXPECT_FALSE(Life(storage_).topic_exists());
}

TEST_F(Store, AFullCatalogRefusesAndNothingHasHappened) {
  Life life(storage_);
  life.catalog.fail_with(kFull);
  EXPECT_EQ(life.create().error().code(), ErrorCode::kNoSpace);
  life.catalog.fail_with(std::nullopt);
  EXPECT_FALSE(life.topic_exists());
  ASSERT_TRUE(life.create());
  life.catalog.fail_with(kFull);
  EXPECT_EQ(life.remove().error().code(), ErrorCode::kNoSpace);
  EXPECT_EQ(life.change_to(5).error().code(), ErrorCode::kNoSpace);
  life.catalog.fail_with(std::nullopt);
  EXPECT_TRUE(life.topic_exists());
  EXPECT_TRUE(life.change_to(5)) << "over the directories that the first attempt made";
}

TEST_F(Store, AddedPartitionsHaveDirectoriesWhateverHappens) {
  for (std::uint64_t step = 0; step <= kMaxSteps; ++step) {
    Storage storage;
    ASSERT_TRUE(Life(storage).create());
    bool acknowledged = false;
    {
      Life life(storage);
      life.machine.disk.crash_after(step, SimCrash::kPowerCut);
      acknowledged = life.change_to(6).has_value();
      life.die(SimCrash::kPowerCut);
    }
    Life life(storage);
    const auto topics = life.load();
    ASSERT_EQ(topics.size(), 1U);
    ASSERT_EQ(topics[0].partition_count, acknowledged ? 6 : 3) << step;
    for (std::int32_t i = 0; i < topics[0].partition_count; ++i)
      ASSERT_TRUE(life.is_directory(life.store.partition_directory(topics[0], i))) << step;
    if (!acknowledged) ASSERT_TRUE(life.change_to(6)) << step;
  }
}

TEST_F(Store, ANewPartitionIsNotPutOverSegments) {
  Life life(storage_);
  ASSERT_TRUE(life.create());
  storage_.disk.make_directories(std::string(kDirectory) + "/4");
  life.make_file(std::string(kDirectory) + "/4/00000000000000000001.seg");
  const auto changed = life.change_to(5);
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().code(), ErrorCode::kExists);
  EXPECT_NE(changed.error().message().find("/orders/4"), std::string::npos);
  EXPECT_TRUE(life.topic_exists());
}

TEST_F(Store, SettingsAndEpochAreKept) {
  Topic topic = some_topic();
  ASSERT_TRUE(topic.settings.set("retention.ms", "5"));
  {
    Life life(storage_);
    ASSERT_TRUE(life.create());
    ASSERT_TRUE(life.run(life.store.change(some_topic(), topic)));
  }
  const auto topics = Life(storage_).load();
  ASSERT_EQ(topics.size(), 1U);
  EXPECT_EQ(topics[0].settings, topic.settings);
  EXPECT_EQ(topics[0].leader_epoch, 5);
  EXPECT_EQ(topics[0].created_ms, 1'700'000'000'123);
}

TEST_F(Store, LoadingSweepsAndMayDieAtAnyStepOfThat) {
  for (std::uint64_t step = 0; step <= kMaxSteps; ++step) {
    Storage storage;
    {
      Life life(storage);
      ASSERT_TRUE(life.create());
      life.make_file(kSegment);
      ASSERT_TRUE(life.run(life.store.remove(some_topic())));  // and dies before it sweeps
    }
    {
      Life life(storage);
      life.machine.disk.crash_after(step, SimCrash::kPowerCut);
      (void)life.try_load();
    }
    Life life(storage);
    ASSERT_FALSE(life.topic_exists()) << step;
    ASSERT_TRUE(storage.catalog.empty()) << step;
  }
}

TEST_F(Store, ANameWhoseFilesAreStillThereCanBeUsedAgain) {
  Life life(storage_);
  ASSERT_TRUE(life.create());
  life.make_file(kSegment);
  ASSERT_TRUE(life.run(life.store.remove(some_topic())));
  Topic again = some_topic();
  again.id.bytes[0] = std::byte{0xFF};
  ASSERT_TRUE(life.create(again));
  EXPECT_FALSE(storage_.disk.exists(kSegment));
  EXPECT_EQ(records(), 1U);
}

TEST_F(Store, AFailureWhileCreatingLeavesNothing) {
  for (const SimOp op : {SimOp::kMakeDirectory, SimOp::kSyncDirectory}) {
    Life life(storage_);
    life.machine.disk.inject({.op = op});
    ASSERT_FALSE(life.create()) << to_string(op);
    EXPECT_FALSE(life.topic_exists()) << to_string(op);
    EXPECT_TRUE(life.create()) << to_string(op);
    EXPECT_TRUE(life.remove());
  }
}

TEST_F(Store, SegmentsWithoutARecordAreKeptAndAnErrorSaysWhatToDo) {
  {
    Life life(storage_);
    ASSERT_TRUE(life.create());
    life.make_file(kSegment);
  }
  storage_.catalog.clear();
  for (const bool may_create : {true, false}) {
    Life life(storage_);
    const auto loaded = life.try_load();
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code(), ErrorCode::kCorrupt);
    EXPECT_NE(loaded.error().message().find(kDirectory), std::string::npos);
    EXPECT_NE(loaded.error().message().find("restore the catalog"), std::string::npos);
    if (may_create) EXPECT_EQ(life.create().error().code(), ErrorCode::kExists);
    EXPECT_TRUE(storage_.disk.exists(kSegment));
  }
}

TEST_F(Store, ADamagedRecordIsAnErrorThatNamesTheTopic) {
  ASSERT_TRUE(Life(storage_).create());
  std::string& value = storage_.catalog.begin()->second;
  value.pop_back();
  const auto loaded = Life(storage_).try_load();
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code(), ErrorCode::kCorrupt);
  EXPECT_NE(loaded.error().message().find("orders"), std::string::npos);
  value = std::string("\0\x01", 2);  // of a newer version
  const auto newer = Life(storage_).try_load();
  ASSERT_FALSE(newer);
  EXPECT_EQ(newer.error().code(), ErrorCode::kNotSupported);
}

// ---- what earlier versions left

TEST_F(Store, TopicsOfEarlierVersionsAreTakenIntoTheCatalogOnce) {
  make_earlier_topic(storage_);
  {
    Life life(storage_);
    const auto topics = life.load();
    ASSERT_EQ(topics.size(), 1U);
    EXPECT_EQ(topics[0].id, some_topic().id);
    EXPECT_EQ(topics[0].partition_count, 3);
    EXPECT_EQ(topics[0].leader_epoch, 5);
    EXPECT_EQ(topics[0].settings.retention_ms, 1000);
    EXPECT_FALSE(storage_.disk.exists(std::string(kDirectory) + "/topic.json"));
  }
  Life life(storage_);
  EXPECT_TRUE(life.topic_exists());
  EXPECT_EQ(life.catalog.write_count(), 0U);
  EXPECT_TRUE(storage_.disk.exists(kSegment));
  EXPECT_TRUE(life.remove());
}

TEST_F(Store, AnImportMayDieAtAnyStepAndIsThereWithAllItsSegments) {
  for (const SimCrash death : kDeaths) {
    for (std::uint64_t seed = 1; seed <= kSeedsPerStep; ++seed) {
      for (std::uint64_t step = 0; step <= kMaxSteps; ++step) {
        Storage storage;
        make_earlier_topic(storage);
        {
          Life life(storage, {.seed = seed});
          life.machine.disk.crash_after(step, death);
          (void)life.try_load();
          life.die(death);
        }
        Life life(storage);
        ASSERT_TRUE(life.topic_exists()) << "step " << step << ", seed " << seed;
        ASSERT_TRUE(storage.disk.exists(kSegment)) << "step " << step << ", seed " << seed;
        ASSERT_FALSE(storage.disk.exists(std::string(kDirectory) + "/topic.json"));
      }
    }
  }
}

TEST_F(Store, WithoutACatalogToTakeThemTopicsStayAsTheyAre) {
  make_earlier_topic(storage_);
  for (const bool late : {false, true}) {
    Life life(storage_);
    late ? life.catalog.fail_late_with(kBroken) : life.catalog.fail_with(kFull);
    EXPECT_FALSE(life.try_load());
    EXPECT_TRUE(storage_.disk.exists(std::string(kDirectory) + "/topic.json"));
  }
  EXPECT_TRUE(Life(storage_).topic_exists());
}

TEST_F(Store, TheRecordCountsWhenTheFileIsOlder) {
  ASSERT_TRUE(Life(storage_).create());
  {
    Life life(storage_);
    life.make_file(std::string(kDirectory) + "/topic.json", kTopicJson);
  }
  const auto topics = Life(storage_).load();
  ASSERT_EQ(topics.size(), 1U);
  EXPECT_FALSE(topics[0].settings.retention_ms);
  EXPECT_FALSE(storage_.disk.exists(std::string(kDirectory) + "/topic.json"));
}

TEST_F(Store, AFileThatDescribesAnotherTopicThanTheRecordIsAnError) {
  Topic another = some_topic();
  another.id.bytes[0] = std::byte{0xFF};
  ASSERT_TRUE(Life(storage_).create(another));
  Life life(storage_);
  const std::string path = std::string(kDirectory) + "/topic.json";
  life.make_file(path, kTopicJson);
  const auto loaded = life.try_load();
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code(), ErrorCode::kCorrupt);
  EXPECT_NE(loaded.error().message().find(path), std::string::npos);
  EXPECT_TRUE(storage_.disk.exists(path));
}

TEST_F(Store, ATopicThatAnEarlierVersionDeletedIsSweptAway) {
  storage_.disk.make_directories(std::string(kDirectory) + "/0");
  {
    Life life(storage_);
    life.make_file(kSegment);
    life.make_file(std::string(kDirectory) + "/topic.json.deleted");
  }
  EXPECT_FALSE(Life(storage_).topic_exists());
}

TEST_F(Store, ALostRecordCanBeDescribedByHand) {
  {
    Life life(storage_);
    ASSERT_TRUE(life.create());
    life.make_file(kSegment);
  }
  storage_.catalog.clear();
  {
    Life life(storage_);
    life.make_file(std::string(kDirectory) + "/topic.json", kTopicJson);
  }
  EXPECT_TRUE(Life(storage_).topic_exists());
  EXPECT_TRUE(storage_.disk.exists(kSegment));
}

TEST_F(Store, AnUnreadableFileIsAnErrorThatNamesIt) {
  make_earlier_topic(storage_);
  const std::string path = std::string(kDirectory) + "/topic.json";
  storage_.disk.flip_bit(path, FilePosition{0}, 0);
  const auto loaded = Life(storage_).try_load();
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code(), ErrorCode::kCorrupt);
  EXPECT_NE(loaded.error().message().find(path), std::string::npos);
  EXPECT_TRUE(storage_.disk.exists(path));
}

TEST_F(Store, ADirectoryThatWasRenamedByHandIsAnError) {
  make_earlier_topic(storage_);
  ASSERT_TRUE(storage_.disk.rename(kDirectory, std::string(kTopics) + "/renamed"));
  const auto loaded = Life(storage_).try_load();
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code(), ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace penstock::broker
