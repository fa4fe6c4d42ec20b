// FetchedRecords: the records that a Fetch answered for one partition, as a consumer is to see them.
//
// Batches are checked, decompressed one at a time, and read record by record. What lies in front of the
// offset that was asked for, control batches, and with Isolation::kReadCommitted the batches of aborted
// transactions are passed over.
//
// Ownership: the bytes of the response must outlive this; a record is valid until the next one.
// Threading: one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "base/error.h"
#include "cli/kafka_cluster.h"
#include "kafka/messages/fetch.h"
#include "kafka/record.h"

namespace penstock::cli {

class FetchedRecords {
 public:
  // `from` is what was asked for.
  FetchedRecords(const kafka::FetchResponse::Partition& partition, Offset from, Isolation isolation);

  // The next record to be seen; nullopt at the end. Errors: kCorrupt, kTooLarge and kNotSupported name
  // the batch's offsets; position() is then still in front of that batch.
  Result<std::optional<kafka::RecordView>> next();

  // What to fetch next when everything that next() gave has been used.
  Offset position() const { return position_; }

 private:
  // Enters the batch that begins at `rest_`; false at the end.
  Result<bool> enter_batch();
  Result<void> open(const kafka::RecordBatchView& batch);
  bool is_visible(const kafka::RecordBatchView& batch);

  ByteView rest_;
  Offset position_;
  bool hides_aborted_;
  std::vector<kafka::FetchResponse::AbortedTransaction> aborted_;  // the latest first
  std::set<std::int64_t> aborted_producers_;                       // at this place in the log
  std::vector<std::byte> plain_;
  std::optional<kafka::RecordBatchView> batch_;
  std::optional<kafka::RecordReader> reader_;
};

}  // namespace penstock::cli
