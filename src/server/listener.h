// Listening sockets: one per shard on one address, so that the kernel spreads connections over shards.
//
// Threading: any; blocks while a host name is looked up.
#pragma once

#include <string_view>
#include <vector>

#include "base/error.h"
#include "disk/descriptor.h"
#include "server/address.h"
#include "task/clock.h"

namespace penstock::server {

struct BoundListeners {
  std::vector<Descriptor> sockets;
  Address address;  // with the port that was chosen, when 0 was asked for
};

// Takes the address for this process, once per shard; connections are refused until listen_on().
// `blocking` is for UringSocketIo, `flag` for messages: what to choose another address with. Errors:
// kBusy when somebody else listens there, kPermission, kNotFound for an unknown host, kIo; the message
// says what to do.
Result<BoundListeners> bind_listeners(const Address& address, std::size_t count, bool blocking,
                                      std::string_view flag = "--listen");

// Lets connections come in. Errors: as above.
Result<void> listen_on(const Descriptor& socket, const Address& address);

// When a peer on one of the listener's connections is asked whether it is still there: after so long
// without a word from it, and then each sixth of that, at least a second apart. The connection of one
// that has not answered three times ends with ETIMEDOUT. Before listen_on().
void set_keepalive(const Descriptor& listener, Duration quiet_time);

// "127.0.0.1:51234", for log lines.
std::string peer_name(int socket);

}  // namespace penstock::server
