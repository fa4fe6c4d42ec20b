// Address: a host and a port, as people write them: "127.0.0.1:9092", "[::1]:9092",
// "broker.example:9092".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace penstock::server {

struct Address {
  std::string host;  // a name or a number, without brackets
  std::uint16_t port = 0;

  // Whether it means every address of this machine, so that a client cannot be told to connect to it.
  bool is_wildcard() const { return host == "0.0.0.0" || host == "::"; }
};

// Errors: kInvalidArgument, saying what such a thing looks like.
Result<Address> parse_address(std::string_view text);

std::string to_string(const Address& address);

}  // namespace penstock::server
