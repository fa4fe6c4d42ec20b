// on_coordinator: do work on a consumer group where it lives.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "broker/broker.h"
#include "task/abort_source.h"
#include "task/remote.h"

namespace penstock::broker {

// `make_task` is called with the group's coordinator, on its thread, and returns Task<T>, T not void. A
// named local, as with call_on().
template <typename MakeTask>
auto on_coordinator(Broker& home, const std::string& group, MakeTask& make_task)
    -> std::invoke_result_t<MakeTask&, group::GroupCoordinator&> {
  Peer& peer = home.coordinator_of(group);
  auto there = [&peer, &make_task] { return make_task(peer.broker->groups()); };
  co_return co_await call_on(home.scheduler(), *peer.scheduler, there);
}

// The same for work that may wait: `make_task` is given an AbortSource as well, for its own thread,
// which is aborted when the client has gone.
template <typename MakeTask>
auto on_coordinator_while_there(Broker& home, Client& client, const std::string& group,
                                MakeTask& make_task)
    -> std::invoke_result_t<MakeTask&, group::GroupCoordinator&, AbortSource&> {
  Peer& peer = home.coordinator_of(group);
  RemoteAbort gone(client.gone, home.scheduler(), *peer.scheduler);
  auto there = [&] { return make_task(peer.broker->groups(), gone.source()); };
  auto result = co_await call_on(home.scheduler(), *peer.scheduler, there);
  co_await gone.settle();
  co_return result;
}

// Each id once, in the order in which they were asked for: an answer is many times as large as a
// question.
inline std::vector<std::string> each_once(const std::vector<std::string>& ids) {
  std::set<std::string_view> seen;
  std::vector<std::string> once;
  for (const std::string& id : ids) {
    if (seen.insert(id).second) once.push_back(id);
  }
  return once;
}

// Whether the id can name a group. Some requests may name the one with an empty name, which very old
// consumers commit to.
enum class EmptyGroupId { kRefused, kTaken };
inline kafka::KafkaError check_group_id(const std::string& group, EmptyGroupId empty) {
  const bool is_wrong =
      (group.empty() && empty == EmptyGroupId::kRefused) || group.size() > group::kMaxGroupIdBytes;
  return is_wrong ? kafka::KafkaError::kInvalidGroupId : kafka::KafkaError::kNone;
}

}  // namespace penstock::broker
