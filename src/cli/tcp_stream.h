// TcpStream: a TCP connection with blocking calls that all end by a deadline.
//
// Ownership: owns its socket. Threading: one thread at a time.
// Errors: kTimeout (the deadline passed), kClosed (the other side ended it, or the deadline's interrupt
// came), kNotFound (no such host), kIo. After an error the stream is of no more use.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/error.h"
#include "cli/deadline.h"
#include "disk/descriptor.h"
#include "server/address.h"

namespace penstock::cli {

class TcpStream {
 public:
  // Tries every address of the host. Looking up the name is the system's, and has time limits of its
  // own.
  static Result<TcpStream> connect(const server::Address& address, const Deadline& deadline);

  Result<void> send(ByteView bytes, const Deadline& deadline);
  // Fills all of `into`.
  Result<void> receive(MutableBytes into, const Deadline& deadline);
  // To be polled for input. Not to be read from.
  int descriptor() const { return socket_.get(); }
  // Everything until the other side ends it. Errors also: kTooLarge above `max_bytes`.
  Result<std::string> receive_all(std::size_t max_bytes, const Deadline& deadline);

 private:
  // At least one byte, or 0 when the other side has ended it.
  Result<std::size_t> receive_some(MutableBytes into, const Deadline& deadline);

  explicit TcpStream(Descriptor socket) : socket_(std::move(socket)) {}

  Descriptor socket_;
};

}  // namespace penstock::cli
