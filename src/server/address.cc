#include "server/address.h"

#include <charconv>

namespace penstock::server {

namespace {

Unexpected not_an_address(std::string_view text) {
  return fail(ErrorCode::kInvalidArgument,
              "'{}' is not HOST:PORT; write '127.0.0.1:9092', '[::1]:9092' or 'name:9092'", text);
}

}  // namespace

Result<Address> parse_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return not_an_address(text);
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (host.empty() || host.contains(':') != bracketed) return not_an_address(text);

  const std::string_view port = text.substr(colon + 1);
  Address address{.host = std::string(host)};
  const auto parsed = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (port.empty() || parsed.ec != std::errc() || parsed.ptr != port.data() + port.size()) {
    return not_an_address(text);
  }
  return address;
}

std::string to_string(const Address& address) {
  if (address.host.contains(':')) return fmt::format("[{}]:{}", address.host, address.port);
  return fmt::format("{}:{}", address.host, address.port);
}

}  // namespace penstock::server
