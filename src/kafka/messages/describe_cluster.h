// DescribeCluster (60): the brokers of the cluster and its controller.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/api.h"
#include "kafka/errors.h"
#include "kafka/messages/metadata.h"
#include "kafka/schema.h"

namespace penstock::kafka {

struct DescribeClusterResponse;

struct DescribeClusterRequest {
  static constexpr ApiKey kApi = ApiKey::kDescribeCluster;
  static constexpr std::string_view kName = "DescribeClusterRequest";
  using Response = DescribeClusterResponse;

  bool include_cluster_authorized_operations = false;
  std::int8_t endpoint_type = 1;  // 1: brokers, 2: controllers

  static void fields(auto& io) {
    using M = DescribeClusterRequest;
    io("IncludeClusterAuthorizedOperations", &M::include_cluster_authorized_operations,
       {.versions = "0+"});
    io("EndpointType", &M::endpoint_type, {.versions = "1+"});
  }
  bool operator==(const DescribeClusterRequest&) const = default;
};

struct DescribeClusterResponse {
  static constexpr ApiKey kApi = ApiKey::kDescribeCluster;
  static constexpr std::string_view kName = "DescribeClusterResponse";

  struct Broker {
    std::int32_t broker_id = 0;
    std::string host{};
    std::int32_t port = 0;
    std::optional<std::string> rack{};

    static void fields(auto& io) {
      io("BrokerId", &Broker::broker_id, {.versions = "0+"});
      io("Host", &Broker::host, {.versions = "0+"});
      io("Port", &Broker::port, {.versions = "0+"});
      io("Rack", &Broker::rack, {.versions = "0+", .nullable = "0+"});
    }
    bool operator==(const Broker&) const = default;
  };

  std::int32_t throttle_time_ms = 0;
  KafkaError error_code = KafkaError::kNone;
  std::optional<std::string> error_message{};
  std::int8_t endpoint_type = 1;  // 1: brokers, 2: controllers
  std::string cluster_id{};
  std::int32_t controller_id = -1;
  std::vector<Broker> brokers{};
  std::int32_t cluster_authorized_operations = kOperationsNotAsked;

  static void fields(auto& io) {
    using M = DescribeClusterResponse;
    io("ThrottleTimeMs", &M::throttle_time_ms, {.versions = "0+"});
    io("ErrorCode", &M::error_code, {.versions = "0+"});
    io("ErrorMessage", &M::error_message, {.versions = "0+", .nullable = "0+"});
    io("EndpointType", &M::endpoint_type, {.versions = "1+"});
    io("ClusterId", &M::cluster_id, {.versions = "0+"});
    io("ControllerId", &M::controller_id, {.versions = "0+"});
    io("Brokers", &M::brokers, {.versions = "0+"});
    io("ClusterAuthorizedOperations", &M::cluster_authorized_operations, {.versions = "0+"});
  }
  bool operator==(const DescribeClusterResponse&) const = default;
};

}  // namespace penstock::kafka
