// on_owners: do work on partitions where they live.
//
// Groups items by the shard that owns their partition, runs the work for each group on that shard, all
// groups at once, and waits for all of them. An item is written to by one shard at a time: by its
// owner's during the work, by the caller's before and after.
#pragma once

#include <map>
#include <vector>

#include "broker/broker.h"
#include "task/join.h"
#include "task/remote.h"

namespace penstock::broker {

namespace detail {

template <typename Item, typename Work>
Task<bool> run_there(Broker& owner, std::vector<Item*>& items, Work& work) {
  co_await work(owner, items);
  co_return true;
}

template <typename Item, typename Work>
Task<void> run_on_owner(Broker& home, Peer& peer, std::vector<Item*> items, Work& work) {
  auto run = [&] { return run_there(*peer.broker, items, work); };
  co_await call_on(home.scheduler(), *peer.scheduler, run);
}

}  // namespace detail

// `Item` has a member `Peer* owner`; items without one (null) are left alone. `work` is called as
// work(Broker& owner, std::vector<Item*>& items) on the owner's thread and returns Task<void>; it must
// only read what it shares with the other groups.
template <typename Item, typename Work>
Task<void> on_owners(Broker& home, std::vector<Item>& items, Work& work) {
  std::map<Peer*, std::vector<Item*>> groups;
  for (Item& item : items) {
    if (item.owner != nullptr) groups[item.owner].push_back(&item);
  }
  std::vector<Task<void>> runs;
  for (auto& [peer, group] : groups) {
    runs.push_back(detail::run_on_owner(home, *peer, std::move(group), work));
  }
  co_await join(home.scheduler(), std::move(runs));
}

}  // namespace penstock::broker
