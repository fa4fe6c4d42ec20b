// PartitionRounds: does something to every partition of a shard, one after the other, again and again.
//
// Ownership: the shard's broker owns it, and must outlive it. Threading: the shard's scheduler.
#pragma once

#include "base/units.h"
#include "log/partition.h"
#include "task/sync.h"

namespace penstock::broker {

class Broker;

class PartitionRounds {
 public:
  // What is done to a partition, which stays alive meanwhile and may be closed at any time.
  using Work = Task<void> (*)(Broker& broker, log::Partition& partition);

  PartitionRounds(Broker& broker, Work work);

  // Begins: the first round after `first`, each later one `interval` after the end of the one before.
  // A second call does nothing.
  void start(Duration first, Duration interval);
  // Returns when it has ended. It does not begin again.
  Task<void> stop();

 private:
  Task<void> run(Duration first, Duration interval, Gate::Hold hold);
  Task<void> round();

  Broker& broker_;
  Work work_;
  Event stopped_;
  Gate running_;
  bool has_started_ = false;
};

}  // namespace penstock::broker
