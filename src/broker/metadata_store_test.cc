#include "broker/metadata_store.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "disk/sim_disk.h"

namespace penstock::broker {
namespace {

constexpr const char* kTopics = "/data/topics";
constexpr SimCrash kDeaths[] = {SimCrash::kPowerCut, SimCrash::kKill};
constexpr std::uint64_t kSeedsPerStep = 8;

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

// ---- topic.json

TEST(TopicJson, DecodesToWhatWasEncoded) {
  const auto decoded = decode_topic(encode_topic(some_topic()));
  ASSERT_TRUE(decoded) << decoded.error().message();
  EXPECT_EQ(decoded->id, some_topic().id);
  EXPECT_EQ(decoded->name, "orders");
  EXPECT_EQ(decoded->partition_count, 3);
  EXPECT_EQ(decoded->leader_epoch, 5);
  EXPECT_EQ(decoded->created_ms, 1'700'000'000'123);
}

TEST(TopicJson, IsWrittenAsDocumented) {
  EXPECT_EQ(encode_topic(some_topic()), R"({
  "format": 1,
  "name": "orders",
  "id": "01112131415161718191a1b1c1d1e1f1",
  "partitions": 3,
  "leader_epoch": 5,
  "created_ms": 1700000000123
}
)");
}

TEST(TopicJson, WhatIsNotOneIsRefused) {
  const auto refused = [](const std::string& what, const std::string& with) {
    std::string text = encode_topic(some_topic());
    const std::size_t at = text.find(what);
    EXPECT_NE(at, std::string::npos) << what;
    text.replace(at, what.size(), with);
    const auto decoded = decode_topic(text);
    return decoded ? "taken" : std::string(to_string(decoded.error().code()));
  };
  const std::string corrupt(to_string(ErrorCode::kCorrupt));
  EXPECT_EQ(refused("\"format\": 1", "\"format\": 2"), to_string(ErrorCode::kNotSupported));
  EXPECT_EQ(refused("orders", "../orders"), corrupt);
  EXPECT_EQ(refused("orders", ""), corrupt);
  EXPECT_EQ(refused("\"orders\"", "7"), corrupt);
  EXPECT_EQ(refused("0111", "011"), corrupt);
  EXPECT_EQ(refused("0111", "011X"), corrupt);
  EXPECT_EQ(refused("\"partitions\": 3", "\"partitions\": 0"), corrupt);
  EXPECT_EQ(refused("\"partitions\": 3", "\"partitions\": \"3\""), corrupt);
  EXPECT_EQ(refused("\"partitions\": 3,", ""), corrupt);
  EXPECT_FALSE(decode_topic(""));
  EXPECT_FALSE(decode_topic("{"));
  EXPECT_FALSE(decode_topic("[]"));
}

// ---- the store

class Store : public ::testing::Test {
 protected:
  // One life of it.
  struct Life {
    explicit Life(SimStorage& storage, SimDiskOptions options = {})
        : machine(storage, std::move(options)), store(machine.disk, kTopics) {}

    Result<void> create(Topic topic = some_topic()) {
      return machine.scheduler.run(store.create(std::move(topic)));
    }
    // As the controller does it.
    Result<void> remove(Topic topic = some_topic()) {
      auto removed = machine.scheduler.run(store.remove(topic));
      if (!removed) return removed;
      return machine.scheduler.run(store.sweep(std::move(topic)));
    }
    std::vector<Topic> load() {
      auto topics = machine.scheduler.run(store.load());
      EXPECT_TRUE(topics) << topics.error().message();
      return topics.value_or(std::vector<Topic>());
    }
    // Durable, and empty.
    void make_file(const std::string& path) {
      ASSERT_TRUE(machine.scheduler.run(machine.disk.open(path, {.write = true, .create = true})));
      const std::string directory = path.substr(0, path.rfind('/'));
      ASSERT_TRUE(machine.scheduler.run(machine.disk.sync_directory(directory)));
    }
    bool is_directory(const std::string& path) {
      const auto info = machine.scheduler.run(machine.disk.info(path));
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
        EXPECT_EQ(is_directory(store.partition_directory(some_topic(), i)), exists)
            << "partition " << i;
      }
      EXPECT_EQ(is_directory(std::string(kTopics) + "/orders"), exists);
      return exists;
    }

    SimMachine machine;
    FileMetadataStore store;
  };

  Store() { storage_.make_directories(kTopics); }

  SimStorage storage_;
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

TEST_F(Store, WhatIsNotThereCannotBeRemoved) {
  Life life(storage_);
  const auto removed = life.machine.scheduler.run(life.store.remove(some_topic()));
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code(), ErrorCode::kNotFound);
}

TEST_F(Store, AfterADeathAtAnyStepOfCreatingTheTopicExistsWhollyOrNotAtAll) {
  std::uint64_t steps = 0;
  {
    SimStorage storage;
    storage.make_directories(kTopics);
    Life life(storage);
    ASSERT_TRUE(life.create());
    steps = life.machine.disk.steps();
  }
  for (const SimCrash death : kDeaths) {
    for (std::uint64_t seed = 1; seed <= kSeedsPerStep; ++seed) {
      for (std::uint64_t step = 0; step <= steps; ++step) {
        SimStorage storage;
        storage.make_directories(kTopics);
        bool acknowledged = false;
        {
          Life life(storage, {.seed = seed});
          life.machine.disk.crash_after(step, death);
          acknowledged = life.create().has_value();
          if (!life.machine.disk.has_crashed()) life.machine.disk.crash(death);
        }
        Life life(storage);
        const bool exists = life.topic_exists();
        ASSERT_TRUE(exists || !acknowledged) << "step " << step;
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
      for (std::uint64_t step = 0; step <= 40; ++step) {
        SimStorage storage;
        storage.make_directories(kTopics);
        {
          Life life(storage);
          ASSERT_TRUE(life.create());
        }
        bool acknowledged = false;
        {
          Life life(storage, {.seed = seed});
          life.machine.disk.crash_after(step, death);
          acknowledged = life.remove().has_value();
          if (!life.machine.disk.has_crashed()) life.machine.disk.crash(death);
        }
        Life life(storage);
        ASSERT_TRUE(!life.topic_exists() || !acknowledged) << "step " << step;
        if (HasFailure()) FAIL() << "step " << step << ", seed " << seed;
      }
    }
  }
}

TEST_F(Store, LoadingSweepsAndMayDieAtAnyStepOfThat) {
  for (std::uint64_t step = 0; step <= 40; ++step) {
    SimStorage storage;
    // Half deleted: the description says so, the rest is there.
    storage.make_directories(std::string(kTopics) + "/orders/0");
    storage.make_directories(std::string(kTopics) + "/orders/1");
    {
      Life life(storage);
      life.make_file(std::string(kTopics) + "/orders/0/00000000000000000001.seg");
      life.make_file(std::string(kTopics) + "/orders/topic.json.deleted");
    }
    {
      Life life(storage);
      life.machine.disk.crash_after(step, SimCrash::kPowerCut);
      (void)life.machine.scheduler.run(life.store.load());
    }
    Life life(storage);
    ASSERT_FALSE(life.topic_exists()) << step;
  }
}

TEST_F(Store, AFailureWhileCreatingLeavesNothing) {
  for (const SimOp op : {SimOp::kMakeDirectory, SimOp::kSyncDirectory, SimOp::kOpen, SimOp::kWrite,
                         SimOp::kSync, SimOp::kRename}) {
    Life life(storage_);
    life.machine.disk.inject({.op = op});
    ASSERT_FALSE(life.create()) << to_string(op);
    EXPECT_FALSE(life.topic_exists()) << to_string(op);
    EXPECT_TRUE(life.create()) << to_string(op);
    EXPECT_TRUE(life.remove());
  }
}

TEST_F(Store, AnUnreadableDescriptionIsAnErrorThatNamesTheFile) {
  {
    Life life(storage_);
    ASSERT_TRUE(life.create());
  }
  const std::string path = std::string(kTopics) + "/orders/topic.json";
  storage_.flip_bit(path, FilePosition{0}, 0);
  Life life(storage_);
  const auto loaded = life.machine.scheduler.run(life.store.load());
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code(), ErrorCode::kCorrupt);
  EXPECT_NE(loaded.error().message().find(path), std::string::npos);
  EXPECT_TRUE(storage_.exists(path));
}

TEST_F(Store, SegmentsWithoutADescriptionAreKeptAndAnErrorSaysWhatToDo) {
  const std::string segment = std::string(kTopics) + "/orders/0/00000000000000000001.seg";
  {
    Life life(storage_);
    ASSERT_TRUE(life.create());
    life.make_file(segment);
    ASSERT_TRUE(life.machine.scheduler.run(
        life.machine.disk.remove(std::string(kTopics) + "/orders/topic.json")));
  }
  Life life(storage_);
  const auto loaded = life.machine.scheduler.run(life.store.load());
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code(), ErrorCode::kCorrupt);
  EXPECT_NE(loaded.error().message().find("/orders"), std::string::npos);
  EXPECT_TRUE(storage_.exists(segment));
}

TEST_F(Store, ADirectoryThatWasRenamedByHandIsAnError) {
  Life life(storage_);
  ASSERT_TRUE(life.create());
  ASSERT_TRUE(storage_.rename(std::string(kTopics) + "/orders", std::string(kTopics) + "/renamed"));
  const auto loaded = life.machine.scheduler.run(life.store.load());
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code(), ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace penstock::broker
