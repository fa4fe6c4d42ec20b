// on_transactions: do work on a transactional id where it lives.
#pragma once

#include <string>

#include "broker/broker.h"
#include "task/remote.h"

namespace penstock::broker {

// `make_task` is called with the id's coordinator, on its thread, and returns Task<T>, T not void. A
// named local, as with call_on().
template <typename MakeTask>
auto on_transactions(Broker& home, const std::string& transactional_id, MakeTask& make_task)
    -> std::invoke_result_t<MakeTask&, transaction::TransactionCoordinator&> {
  Peer& peer = home.coordinator_of(transactional_id);
  auto there = [&peer, &make_task] { return make_task(peer.broker->transactions()); };
  co_return co_await call_on(home.scheduler(), *peer.scheduler, there);
}

}  // namespace penstock::broker
