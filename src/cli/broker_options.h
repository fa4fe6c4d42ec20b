// BrokerOptions: whom a command asks, and for how long: --brokers and --timeout.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "cli/kafka_client.h"

namespace penstock::cli {

// For CLI11: an empty string when `text` is HOST:PORT[,HOST:PORT...].
std::string check_brokers(const std::string& text);

struct BrokerOptions {
  std::string brokers = "127.0.0.1:9092";
  int timeout_seconds = 10;

  // `this` must live as long as the command may run.
  void add_brokers_to(CLI::App& command);
  void add_timeout_to(CLI::App& command, const std::string& meaning = "When to give up");

  Result<std::vector<server::Address>> addresses() const;
  Result<KafkaClient> connect() const;
};

}  // namespace penstock::cli
