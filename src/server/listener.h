// Listening sockets: one per shard on one address, so that the kernel spreads connections over shards.
//
// Threading: any; blocks while a host name is looked up.
#pragma once

#include <string_view>
#include <vector>

#include "base/error.h"
#include "disk/descriptor.h"
#include "server/address.h"

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

// "127.0.0.1:51234", for log lines.
std::string peer_name(int socket);

}  // namespace penstock::server
