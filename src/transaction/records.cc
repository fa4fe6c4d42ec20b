#include "transaction/records.h"

#include "kafka/kept_record.h"

namespace penstock::transaction {

std::string_view to_string(TransactionState state) {
  switch (state) {
    case TransactionState::kEmpty: return "Empty";
    case TransactionState::kOngoing: return "Ongoing";
    case TransactionState::kPrepareCommit: return "PrepareCommit";
    case TransactionState::kPrepareAbort: return "PrepareAbort";
    case TransactionState::kCompleteCommit: return "CompleteCommit";
    case TransactionState::kCompleteAbort: return "CompleteAbort";
  }
  return "Unknown";
}

std::string transaction_key(std::string_view transactional_id) {
  std::string key(kTransactionPrefix);
  kafka::add_key_text(key, transactional_id);
  return key;
}

Result<std::string> decode_transaction_key(std::string_view key) {
  kafka::Reader reader(as_bytes(key));
  const bool has_prefix = as_text(reader.take(kTransactionPrefix.size())) == kTransactionPrefix;
  const auto id = reader.string(/*compact=*/false);
  reader.expect_end();
  if (!has_prefix || !reader.ok() || !id)
    return fail(ErrorCode::kCorrupt, "not the key of a transactional id");
  return std::string(as_text(*id));
}

std::string encode(const TransactionRecord& record) { return kafka::encode_kept(record); }

Result<TransactionRecord> decode_transaction(std::string_view value) {
  auto record = kafka::decode_kept<TransactionRecord>(value);
  if (record &&
      (record->state < TransactionState::kEmpty || record->state > TransactionState::kCompleteAbort)) {
    return fail(ErrorCode::kCorrupt, "a transaction in state {}", static_cast<int>(record->state));
  }
  return record;
}

std::string encode(const ProducerIdsRecord& record) { return kafka::encode_kept(record); }

Result<ProducerIdsRecord> decode_producer_ids(std::string_view value) {
  return kafka::decode_kept<ProducerIdsRecord>(value);
}

}  // namespace penstock::transaction
