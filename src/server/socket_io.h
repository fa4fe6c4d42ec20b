// SocketIo: bytes to and from TCP connections, as coroutines.
//
// Two makes: UringSocketIo, on the ring that the shard's disk uses too, and EpollSocketIo, which makes
// the system call at once and waits only when the kernel has nothing.
//
// To end operations that are under way, shut the socket down (`shut_down`): they then return, and only
// when they have may the descriptor be closed. An operation never outlives its coroutine.
//
// Ownership: descriptors stay the caller's. Buffers belong to the operation until it returns.
// Threading: the shard's scheduler; one receive and one send at a time per socket.
#pragma once

#include <sys/uio.h>

#include <memory>
#include <span>

#include "base/bytes.h"
#include "base/error.h"
#include "disk/descriptor.h"
#include "disk/disk_stack.h"
#include "task/scheduler.h"

namespace penstock::server {

class SocketIo {
 public:
  virtual ~SocketIo() = default;

  // Waits for a connection. Errors: of this one connection or of the process (too many descriptors:
  // os_error() says), or, once `listener` has been shut down, of the listener.
  virtual Task<Result<Descriptor>> accept(int listener) = 0;

  // Waits for at least one byte. 0: the peer will send no more, or reading has been shut down.
  // Errors: the connection is gone.
  virtual Task<Result<std::size_t>> receive(int socket, MutableBytes buffer) = 0;

  // Sends from the front of `pieces` (at least one, at most IOV_MAX of them), as many bytes as go at
  // once; at least one. Errors: the connection is gone.
  virtual Task<Result<std::size_t>> send(int socket, std::span<iovec> pieces) = 0;

  // To be called before a socket or listener is closed; no operation on it may be under way.
  virtual void forget(int socket) = 0;
};

// The make that fits `reactor`, which `scheduler` runs on; both must outlive it.
std::unique_ptr<SocketIo> make_socket_io(Scheduler& scheduler, ShardReactor& reactor);

enum class Direction { kReading, kWriting, kBoth };

// Ends that direction of `socket`, and the operations under way in it. On a listener: refuses new
// connections.
void shut_down(int socket, Direction direction);

}  // namespace penstock::server
