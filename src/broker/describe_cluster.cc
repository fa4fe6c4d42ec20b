#include "broker/handlers.h"

namespace penstock::broker {

using kafka::DescribeClusterRequest;
using kafka::DescribeClusterResponse;
using kafka::KafkaError;

namespace {

constexpr std::int8_t kBrokers = 1;
constexpr std::int8_t kControllers = 2;

}  // namespace

Task<DescribeClusterResponse> answer(Broker& broker, const DescribeClusterRequest& request,
                                     std::int16_t) {
  const Settings& settings = broker.settings();
  DescribeClusterResponse response;
  response.endpoint_type = request.endpoint_type;
  if (request.endpoint_type == kControllers) {
    response.error_code = KafkaError::kMismatchedEndpointType;
    response.error_message = "this is a broker: ask it for brokers (endpoint type 1)";
    co_return response;
  }
  if (request.endpoint_type != kBrokers) {
    response.error_code = KafkaError::kUnsupportedEndpointType;
    response.error_message = "the endpoint type is neither 1 (brokers) nor 2 (controllers)";
    co_return response;
  }
  response.cluster_id = settings.cluster_id;
  response.controller_id = settings.node_id;
  DescribeClusterResponse::Broker& self = response.brokers.emplace_back();
  self.broker_id = settings.node_id;
  self.host = settings.advertised_host;
  self.port = settings.advertised_port;
  co_return response;
}

}  // namespace penstock::broker
