// docs/format.md, "The catalog", says what the code does: its examples are read from the document,
// parsed by the real code, and made again by it, byte for byte.
#include <gtest/gtest.h>

#include "base/testing/doc_example.h"
#include "transaction/records.h"

namespace penstock::transaction {
namespace {

TEST(CatalogFormat, TheDocumentsTransactionIsReadAndMadeAgain) {
  EXPECT_EQ(*decode_transaction_key(doc_example("transaction-key")), "pay");
  EXPECT_EQ(transaction_key("pay"), doc_example("transaction-key"));
  const auto record = decode_transaction(doc_example("transaction"));
  ASSERT_TRUE(record) << record.error().message();
  EXPECT_EQ(record->producer(), (ProducerIdentity{1000, 3}));
  EXPECT_EQ(record->last_producer(), (ProducerIdentity{1000, 2}));
  EXPECT_EQ(record->timeout_ms, 60'000);
  EXPECT_EQ(record->state, TransactionState::kOngoing);
  ASSERT_EQ(record->partitions.size(), 1U);
  EXPECT_EQ(record->partitions[0].partition, 2);
  EXPECT_EQ(record->groups, std::vector<std::string>{"billing"});
  EXPECT_EQ(encode(*record), doc_example("transaction"));
}

TEST(CatalogFormat, TheDocumentsProducerIdsAreReadAndMadeAgain) {
  const auto record = decode_producer_ids(doc_example("producer-ids"));
  ASSERT_TRUE(record) << record.error().message();
  EXPECT_EQ(record->next_id, 2000);
  EXPECT_EQ(encode(*record), doc_example("producer-ids"));
}

}  // namespace
}  // namespace penstock::transaction
