#include "cli/broker_options.h"

namespace penstock::cli {

namespace {

constexpr int kMaxTimeoutSeconds = 3600;

// "HOST:PORT[,HOST:PORT...]".
Result<std::vector<server::Address>> parse_brokers(const std::string& text) {
  std::vector<server::Address> brokers;
  for (const std::string& part : CLI::detail::split(text, ',')) {
    const auto address = server::parse_address(part);
    if (!address) return Unexpected(address.error());
    brokers.push_back(*address);
  }
  return brokers;
}

}  // namespace

std::string check_brokers(const std::string& text) {
  const auto brokers = parse_brokers(text);
  return brokers ? "" : brokers.error().message();
}

void BrokerOptions::add_brokers_to(CLI::App& command) {
  command.add_option("--brokers", brokers, "Brokers to ask; the first that answers is taken")
      ->envname("PENSTOCK_BROKERS")
      ->type_name("HOST:PORT[,HOST:PORT...]")
      ->check(check_brokers)
      ->capture_default_str();
}

void BrokerOptions::add_timeout_to(CLI::App& command, const std::string& meaning) {
  command.add_option("--timeout", timeout_seconds, meaning)
      ->type_name("SECONDS")
      ->check(CLI::Range(1, kMaxTimeoutSeconds).description(""))
      ->capture_default_str();
}

Result<std::vector<server::Address>> BrokerOptions::addresses() const { return parse_brokers(brokers); }

Result<KafkaClient> BrokerOptions::connect() const {
  const auto known = addresses();
  if (!known) return Unexpected(known.error());
  return KafkaClient::connect(*known, Deadline(std::chrono::seconds(timeout_seconds)));
}

}  // namespace penstock::cli
