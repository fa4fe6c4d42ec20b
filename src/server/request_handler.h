// RequestHandler: what answers the requests of a connection. The server's is the shard's Broker.
#pragma once

#include <optional>

#include "base/aligned_buffer.h"
#include "base/error.h"
#include "broker/answer_memory.h"
#include "broker/client.h"
#include "kafka/byte_chain.h"
#include "task/task.h"

namespace penstock::server {

class RequestHandler {
 public:
  virtual ~RequestHandler() = default;

  // Answers one request frame (without its size); nothing for a request that gets no answer. Called in
  // the order of arrival, again before earlier calls have ended. Errors: the connection cannot go on;
  // the message is for the log. `client` is the connection; when it has gone, handlers do not wait for
  // anything any more that may not come. `memory` is the answer's part of the shard's memory for
  // answers: a handler that reads much takes of it before; the connection settles it.
  virtual Task<Result<std::optional<kafka::ByteChain>>> handle(SharedSlice frame,
                                                               broker::Client& client,
                                                               broker::AnswerMemory::Share& memory) = 0;
};

}  // namespace penstock::server
