#include "transaction/producer_ids.h"

#include <gtest/gtest.h>

#include <set>

#include "transaction/testing/transaction_machine.h"

namespace penstock::transaction::testing {
namespace {

TEST(ProducerIdsTest, NoIdIsGivenTwiceByShardsThatShareTheBlocksOrAfterRestarts) {
  catalog::testing::MemoryCatalogStorage kept;
  std::set<std::int64_t> given;
  for (int life = 0; life < 3; ++life) {
    TransactionMachine machine(kept);
    ProducerIds other(machine.scheduler, [&machine] { return machine.blocks.take(); });
    for (int i = 0; i < kProducerIdBlock + 10; ++i) {
      for (ProducerIds* ids : {&machine.ids, &other}) {
        const auto id = machine.scheduler.run(ids->next());
        ASSERT_TRUE(id);
        ASSERT_TRUE(given.insert(*id).second) << *id;
      }
    }
    EXPECT_EQ(machine.catalog.write_count(), 4U) << "a block each, and the next";
  }
  EXPECT_EQ(*given.begin(), 0);
}

TEST(ProducerIdsTest, ABlockThatCouldNotBeWrittenDownIsNotUsed) {
  catalog::testing::MemoryCatalogStorage kept;
  TransactionMachine machine(kept);
  machine.catalog.fail_with(Error(ErrorCode::kNoSpace, "full"));
  EXPECT_FALSE(machine.scheduler.run(machine.ids.next()));
  machine.catalog.fail_with(std::nullopt);
  EXPECT_EQ(*machine.scheduler.run(machine.ids.next()), 0);
}

TEST(ProducerIdsTest, ADamagedRecordGivesNoIds) {
  catalog::testing::MemoryCatalogStorage kept{{std::string(kProducerIdsKey), "x"}};
  TransactionMachine machine(kept);
  const auto id = machine.scheduler.run(machine.ids.next());
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().code(), ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace penstock::transaction::testing
