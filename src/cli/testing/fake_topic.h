// FakeTopic: one topic, "orders", on fake brokers that know Metadata, Produce, Fetch, ListOffsets
// and InitProducerId, and fail as a test wants it.
//
// Threading: the brokers' threads and the test's; everything shared is behind one mutex.
#pragma once

#include <memory>
#include <set>

#include "cli/testing/fake_broker.h"
#include "kafka/compression.h"
#include "kafka/messages/fetch.h"
#include "kafka/messages/init_producer_id.h"
#include "kafka/messages/list_offsets.h"
#include "kafka/messages/metadata.h"
#include "kafka/messages/produce.h"
#include "kafka/record.h"
#include "server/address.h"

namespace penstock::cli {

class FakeTopic {
 public:
  static constexpr const char* kName = "orders";
  using Frame = std::optional<std::vector<std::byte>>;

  // What goes wrong with a request at a broker, if anything: an error for the partition, or the whole
  // request's end.
  struct Fault {
    kafka::KafkaError error = kafka::KafkaError::kNone;
    bool closes = false;        // the connection
    bool loses_answer = false;  // closes it when the request has been done
    bool is_silent = false;
  };
  using FaultFor = std::function<Fault(kafka::ApiKey api, std::int32_t node, std::int32_t partition,
                                       ByteView records)>;

  explicit FakeTopic(std::int32_t partitions, std::int32_t brokers = 1) : logs_(partitions) {
    for (std::int32_t node = 0; node < brokers; ++node) {
      brokers_.push_back(std::make_unique<FakeBroker>(
          FakeBroker::Options{.newest_api_versions = 3, .apis = apis(), .raw_answer = ""},
          [this, node](const kafka::RequestFrame& request) { return answer(node, request); }));
    }
  }

  std::vector<server::Address> bootstrap() const {
    return {{.host = "127.0.0.1", .port = brokers_.front()->port()}};
  }

  // Whom the metadata name as leader of all partitions, and who takes requests. Node 0 at first.
  void lead(std::int32_t node) {
    const std::lock_guard lock(mutex_);
    leader_ = node;
  }
  void fail_as(FaultFor fault_for) {
    const std::lock_guard lock(mutex_);
    fault_for_ = std::move(fault_for);
  }

  // Appends a batch as it is, but for its offset.
  void append(std::int32_t partition, std::vector<std::byte> batch) {
    const std::lock_guard lock(mutex_);
    append_locked(partition, std::move(batch));
  }
  void append_values(std::int32_t partition, const std::vector<std::string>& values) {
    kafka::RecordBatchBuilder builder;
    for (const std::string& value : values) builder.add({.timestamp_ms = 1, .value = as_bytes(value)});
    append(partition, std::move(builder).build());
  }
  // As retention does.
  void delete_below(std::int32_t partition, Offset start) {
    const std::lock_guard lock(mutex_);
    logs_.at(static_cast<std::size_t>(partition)).start = start;
  }

  // Every record: "key=value" or "value".
  std::vector<std::string> records_of(std::int32_t partition) {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> texts;
    for (const auto& bytes : logs_.at(static_cast<std::size_t>(partition)).batches) {
      const auto batch = kafka::RecordBatchView::parse(bytes).value();
      const auto plain = kafka::decompress(batch.compression(), batch.records()).value();
      kafka::RecordReader reader(batch, plain);
      while (const auto record = reader.next().value()) {
        const std::string value(as_text(record->value.value_or(ByteView())));
        texts.push_back(record->key ? std::string(as_text(*record->key)) + "=" + value : value);
      }
    }
    return texts;
  }
  std::vector<std::vector<std::byte>> batches_of(std::int32_t partition) {
    const std::lock_guard lock(mutex_);
    return logs_.at(static_cast<std::size_t>(partition)).batches;
  }

 private:
  struct Log {
    Offset start;
    Offset end;
    std::vector<std::vector<std::byte>> batches;
    std::int32_t next_sequence = 0;  // of the only producer
  };

  static std::vector<kafka::ApiVersionsResponse::ApiVersion> apis() {
    using kafka::ApiKey;
    return {{ApiKey::kMetadata, 0, 12},
            {ApiKey::kProduce, 0, 9},
            {ApiKey::kFetch, 4, 12},
            {ApiKey::kListOffsets, 1, 7},
            {ApiKey::kInitProducerId, 0, 4}};
  }

  void append_locked(std::int32_t partition, std::vector<std::byte> batch) {
    Log& log = logs_.at(static_cast<std::size_t>(partition));
    store_be<std::int64_t>(batch, batch_layout::kBaseOffset, log.end.value);
    log.end = log.end + (load_be<std::int32_t>(batch, batch_layout::kLastOffsetDelta) + 1);
    log.batches.push_back(std::move(batch));
  }

  // As a broker does that looks at sequence numbers.
  kafka::KafkaError append_next(std::int32_t partition, ByteView records) {
    const auto batch = kafka::RecordBatchView::parse(records).value();
    Log& log = logs_.at(static_cast<std::size_t>(partition));
    if (batch.base_sequence() >= 0) {
      if (batch.base_sequence() < log.next_sequence) return kafka::KafkaError::kDuplicateSequenceNumber;
      if (batch.base_sequence() > log.next_sequence)
        return kafka::KafkaError::kOutOfOrderSequenceNumber;
      log.next_sequence += batch.record_count();
    }
    append_locked(partition, {records.begin(), records.end()});
    return kafka::KafkaError::kNone;
  }

  template <typename Response>
  static Frame respond(const kafka::RequestFrame& request, const Response& response) {
    return kafka::encode_response_frame(response, request.header.api_version,
                                        request.header.correlation_id)
        .flatten();
  }
  template <typename Request>
  static Request read(const kafka::RequestFrame& request) {
    return kafka::decode<Request>(request.body, request.header.api_version).value();
  }

  Fault fault(kafka::ApiKey api, std::int32_t node, std::int32_t partition, ByteView records = {}) {
    Fault fault;
    if (fault_for_) fault = fault_for_(api, node, partition, records);
    const bool is_fine = fault.error == kafka::KafkaError::kNone && !fault.closes && !fault.is_silent;
    if (is_fine && node != leader_) fault.error = kafka::KafkaError::kNotLeaderOrFollower;
    return fault;
  }

  Frame answer(std::int32_t node, const kafka::RequestFrame& request) {
    const std::lock_guard lock(mutex_);
    switch (request.header.api_key) {
      case kafka::ApiKey::kMetadata: return respond(request, metadata());
      case kafka::ApiKey::kProduce: return produce(node, request);
      case kafka::ApiKey::kFetch: return fetch(node, request);
      case kafka::ApiKey::kListOffsets: return list_offsets(node, request);
      case kafka::ApiKey::kInitProducerId:
        return respond(request, kafka::InitProducerIdResponse{.producer_id = 7, .producer_epoch = 0});
      default: return std::nullopt;
    }
  }

  kafka::MetadataResponse metadata() const {
    kafka::MetadataResponse response;
    for (std::size_t i = 0; i < brokers_.size(); ++i) {
      response.brokers.push_back(
          {.node_id = static_cast<std::int32_t>(i), .host = "127.0.0.1", .port = brokers_[i]->port()});
    }
    auto& topic = response.topics.emplace_back();
    topic.name = kName;
    for (std::size_t i = 0; i < logs_.size(); ++i)
      topic.partitions.push_back(
          {.partition_index = static_cast<std::int32_t>(i), .leader_id = leader_});
    return response;
  }

  Frame produce(std::int32_t node, const kafka::RequestFrame& frame) {
    const auto request = read<kafka::ProduceRequest>(frame);
    kafka::ProduceResponse response;
    auto& topic = response.responses.emplace_back();
    topic.name = kName;
    for (const auto& data : request.topic_data.at(0).partition_data) {
      const ByteView records = data.records.view();
      const Fault wrong = fault(kafka::ApiKey::kProduce, node, data.index, records);
      if (wrong.closes) return std::nullopt;
      if (wrong.is_silent) return std::vector<std::byte>();
      kafka::KafkaError error = wrong.error;
      if (error == kafka::KafkaError::kNone) error = append_next(data.index, records);
      if (wrong.loses_answer) return std::nullopt;
      topic.partition_responses.push_back({.index = data.index, .error_code = error});
    }
    if (request.acks == 0) return std::vector<std::byte>();
    return respond(frame, response);
  }

  Frame fetch(std::int32_t node, const kafka::RequestFrame& frame) {
    const auto request = read<kafka::FetchRequest>(frame);
    std::vector<std::vector<std::byte>> found;
    found.reserve(request.topics.at(0).partitions.size());
    kafka::FetchResponse response;
    auto& topic = response.responses.emplace_back();
    topic.topic = kName;
    for (const auto& asked : request.topics.at(0).partitions) {
      const Log& log = logs_.at(static_cast<std::size_t>(asked.partition));
      const Fault wrong = fault(kafka::ApiKey::kFetch, node, asked.partition);
      if (wrong.closes) return std::nullopt;
      if (wrong.is_silent) return std::vector<std::byte>();
      auto& answered = topic.partitions.emplace_back();
      answered.partition_index = asked.partition;
      answered.error_code = wrong.error;
      answered.high_watermark = answered.last_stable_offset = log.end;
      if (asked.fetch_offset < log.start || asked.fetch_offset > log.end)
        answered.error_code = kafka::KafkaError::kOffsetOutOfRange;
      std::vector<std::byte>& bytes = found.emplace_back();
      for (const auto& batch : log.batches) {
        const auto view = kafka::RecordBatchView::parse(batch).value();
        if (view.next_offset() > asked.fetch_offset)
          bytes.insert(bytes.end(), batch.begin(), batch.end());
      }
      if (answered.error_code != kafka::KafkaError::kNone) bytes.clear();
      answered.records = kafka::Records::borrow(bytes);
    }
    return respond(frame, response);
  }

  Frame list_offsets(std::int32_t node, const kafka::RequestFrame& frame) {
    const auto request = read<kafka::ListOffsetsRequest>(frame);
    kafka::ListOffsetsResponse response;
    auto& topic = response.topics.emplace_back();
    topic.name = kName;
    for (const auto& asked : request.topics.at(0).partitions) {
      const Log& log = logs_.at(static_cast<std::size_t>(asked.partition_index));
      const Fault wrong = fault(kafka::ApiKey::kListOffsets, node, asked.partition_index);
      if (wrong.closes) return std::nullopt;
      topic.partitions.push_back(
          {.partition_index = asked.partition_index,
           .error_code = wrong.error,
           .offset = asked.timestamp == kafka::kEarliestTimestamp ? log.start : log.end});
    }
    return respond(frame, response);
  }

  std::mutex mutex_;
  std::vector<Log> logs_;
  std::int32_t leader_ = 0;
  FaultFor fault_for_;
  std::vector<std::unique_ptr<FakeBroker>> brokers_;  // last: their threads use the rest
};

}  // namespace penstock::cli
