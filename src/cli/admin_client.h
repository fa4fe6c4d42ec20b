// The admin port of a Penstock server, asked from the command line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/error.h"
#include "cli/deadline.h"
#include "server/address.h"

namespace penstock::cli {

// Has a partition of `topic`, or all that need it, verified and opened again; returns what the server
// says, a line for each. Errors: kNotFound, kBusy (nothing is to be reopened), kIo (it was not
// possible), with the server's words; those of TcpStream; kNotSupported when something else answers
// there.
Result<std::string> reopen_topic(const server::Address& admin, const std::string& topic,
                                 std::optional<std::int32_t> partition, const Deadline& deadline);

}  // namespace penstock::cli
