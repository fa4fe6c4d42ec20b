// KafkaConnection: one connection to one Kafka broker, with the versions that both sides speak.
//
// Ownership: owns its socket. Threading: one thread at a time, one request at a time.
// After an error the connection is of no more use: open another one.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "base/error.h"
#include "cli/tcp_stream.h"
#include "kafka/frame.h"
#include "kafka/versions.h"

namespace penstock::cli {

class KafkaConnection {
 public:
  // Connects, and asks which versions the broker speaks. A broker that does not know our version of
  // that question is asked again in one that it does (KIP-511). Errors: those of TcpStream;
  // kNotSupported and kCorrupt when it is not a Kafka broker that we can talk to.
  static Result<KafkaConnection> open(const server::Address& address, const Deadline& deadline);

  const server::Address& address() const { return address_; }

  // The newest version of `api` that both sides speak. kNotSupported names both ranges.
  Result<std::int16_t> version_of(kafka::ApiKey api) const;

  // Sends `request` in that version, and waits for the response.
  template <typename Request>
  Result<typename Request::Response> call(const Request& request, const Deadline& deadline);

  // The two halves of call(), for who has something else to do meanwhile. One request at a time is
  // under way: finish() takes the response to what start() sent. Records in the response are views into
  // `frame`.
  template <typename Request>
  Result<void> start(const Request& request, const Deadline& deadline);
  template <typename Request>
  Result<typename Request::Response> finish(std::vector<std::byte>& frame, const Deadline& deadline);
  // Sends a request that brokers do not answer: Produce with acks 0.
  template <typename Request>
  Result<void> tell(const Request& request, const Deadline& deadline);

  // To be polled for the response to what start() sent.
  int descriptor() const { return stream_.descriptor(); }

 private:
  KafkaConnection(server::Address address, TcpStream stream)
      : address_(std::move(address)), stream_(std::move(stream)) {}

  Result<void> negotiate(const Deadline& deadline);
  // Sends a request frame; returns the response frame without its size.
  Result<std::vector<std::byte>> exchange(const kafka::ByteChain& request, const Deadline& deadline);
  Result<std::vector<std::byte>> receive_frame(const Deadline& deadline);
  Error context(const Error& error, kafka::ApiKey api) const;

  static constexpr std::string_view kClientId = "penstock-cli";

  server::Address address_;
  TcpStream stream_;
  std::int32_t next_correlation_id_ = 1;
  std::int16_t started_version_ = 0;
  std::map<kafka::ApiKey, kafka::Versions> broker_versions_;
};

template <typename Request>
Result<void> KafkaConnection::tell(const Request& request, const Deadline& deadline) {
  const Result<std::int16_t> version = version_of(Request::kApi);
  if (!version) return Unexpected(version.error());
  started_version_ = *version;
  const auto frame =
      kafka::encode_request_frame(request, *version, next_correlation_id_++, kClientId).flatten();
  if (auto sent = stream_.send(frame, deadline); !sent)
    return Unexpected(context(sent.error(), Request::kApi));
  return {};
}

template <typename Request>
Result<void> KafkaConnection::start(const Request& request, const Deadline& deadline) {
  return tell(request, deadline);
}

template <typename Request>
Result<typename Request::Response> KafkaConnection::finish(std::vector<std::byte>& frame,
                                                           const Deadline& deadline) {
  auto received = receive_frame(deadline);
  if (!received) return Unexpected(context(received.error(), Request::kApi));
  frame = std::move(*received);
  auto response =
      kafka::decode_response_frame<Request>(frame, started_version_, next_correlation_id_ - 1);
  if (!response) return Unexpected(context(response.error(), Request::kApi));
  return response;
}

template <typename Request>
Result<typename Request::Response> KafkaConnection::call(const Request& request,
                                                         const Deadline& deadline) {
  if (auto started = start(request, deadline); !started) return Unexpected(started.error());
  std::vector<std::byte> frame;
  return finish<Request>(frame, deadline);
}

}  // namespace penstock::cli
