// ListTransactions (66): the transactional ids that the server looks after.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/api.h"
#include "kafka/errors.h"
#include "kafka/schema.h"

namespace penstock::kafka {

struct ListTransactionsResponse;

struct ListTransactionsRequest {
  static constexpr ApiKey kApi = ApiKey::kListTransactions;
  static constexpr std::string_view kName = "ListTransactionsRequest";
  using Response = ListTransactionsResponse;

  std::vector<std::string> state_filters{};         // empty: all
  std::vector<std::int64_t> producer_id_filters{};  // empty: all
  std::int64_t duration_filter = -1;                // longer than so many ms; negative: all

  static void fields(auto& io) {
    using M = ListTransactionsRequest;
    io("StateFilters", &M::state_filters, {.versions = "0+"});
    io("ProducerIdFilters", &M::producer_id_filters, {.versions = "0+"});
    io("DurationFilter", &M::duration_filter, {.versions = "1+"});
  }
  bool operator==(const ListTransactionsRequest&) const = default;
};

struct ListTransactionsResponse {
  static constexpr ApiKey kApi = ApiKey::kListTransactions;
  static constexpr std::string_view kName = "ListTransactionsResponse";

  struct Transaction {
    std::string transactional_id{};
    std::int64_t producer_id = 0;
    std::string transaction_state{};

    static void fields(auto& io) {
      io("TransactionalId", &Transaction::transactional_id, {.versions = "0+"});
      io("ProducerId", &Transaction::producer_id, {.versions = "0+"});
      io("TransactionState", &Transaction::transaction_state, {.versions = "0+"});
    }
    bool operator==(const Transaction&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  KafkaError error_code = KafkaError::kNone;
  std::vector<std::string> unknown_state_filters{};
  std::vector<Transaction> transaction_states{};

  static void fields(auto& io) {
    using M = ListTransactionsResponse;
    io("ThrottleTimeMs", &M::throttle_time_ms, {.versions = "0+"});
    io("ErrorCode", &M::error_code, {.versions = "0+"});
    io("UnknownStateFilters", &M::unknown_state_filters, {.versions = "0+"});
    io("TransactionStates", &M::transaction_states, {.versions = "0+"});
  }
  bool operator==(const ListTransactionsResponse&) const = default;
};

}  // namespace penstock::kafka
