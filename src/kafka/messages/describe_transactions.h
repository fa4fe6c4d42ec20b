// DescribeTransactions (65): the state of transactional ids.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/api.h"
#include "kafka/errors.h"
#include "kafka/schema.h"

namespace penstock::kafka {

struct DescribeTransactionsResponse;

struct DescribeTransactionsRequest {
  static constexpr ApiKey kApi = ApiKey::kDescribeTransactions;
  static constexpr std::string_view kName = "DescribeTransactionsRequest";
  using Response = DescribeTransactionsResponse;

  std::vector<std::string> transactional_ids{};

  static void fields(auto& io) {
    using M = DescribeTransactionsRequest;
    io("TransactionalIds", &M::transactional_ids, {.versions = "0+"});
  }
  bool operator==(const DescribeTransactionsRequest&) const = default;
};

struct DescribeTransactionsResponse {
  static constexpr ApiKey kApi = ApiKey::kDescribeTransactions;
  static constexpr std::string_view kName = "DescribeTransactionsResponse";

  struct Topic {
    std::string topic{};
    std::vector<std::int32_t> partitions{};

    static void fields(auto& io) {
      io("Topic", &Topic::topic, {.versions = "0+"});
      io("Partitions", &Topic::partitions, {.versions = "0+"});
    }
    bool operator==(const Topic&) const = default;
  };

  struct Transaction {
    KafkaError error_code = KafkaError::kNone;
    std::string transactional_id{};
    std::string transaction_state{};  // for example "Ongoing"
    std::int32_t transaction_timeout_ms = 0;
    std::int64_t transaction_start_time_ms = 0;
    std::int64_t producer_id = 0;
    std::int16_t producer_epoch = 0;
    std::vector<Topic> topics{};

    static void fields(auto& io) {
      io("ErrorCode", &Transaction::error_code, {.versions = "0+"});
      io("TransactionalId", &Transaction::transactional_id, {.versions = "0+"});
      io("TransactionState", &Transaction::transaction_state, {.versions = "0+"});
      io("TransactionTimeoutMs", &Transaction::transaction_timeout_ms, {.versions = "0+"});
      io("TransactionStartTimeMs", &Transaction::transaction_start_time_ms, {.versions = "0+"});
      io("ProducerId", &Transaction::producer_id, {.versions = "0+"});
      io("ProducerEpoch", &Transaction::producer_epoch, {.versions = "0+"});
      io("Topics", &Transaction::topics, {.versions = "0+"});
    }
    bool operator==(const Transaction&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<Transaction> transaction_states{};

  static void fields(auto& io) {
    using M = DescribeTransactionsResponse;
    io("ThrottleTimeMs", &M::throttle_time_ms, {.versions = "0+"});
    io("TransactionStates", &M::transaction_states, {.versions = "0+"});
  }
  bool operator==(const DescribeTransactionsResponse&) const = default;
};

}  // namespace penstock::kafka
