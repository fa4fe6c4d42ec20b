// RetentionLoop: again and again, lets every partition of a shard delete what is not kept any more.
//
// Ownership: the shard's broker owns it, and must outlive it. Threading: the shard's scheduler. What
// could not be deleted is told to the operator and tried again in the next round.
#pragma once

#include "base/units.h"
#include "task/sync.h"

namespace penstock::broker {

class Broker;

class RetentionLoop {
 public:
  explicit RetentionLoop(Broker& broker);

  // Begins, the first round after one interval. A second call does nothing.
  void start();
  // Returns when it has ended. It does not begin again.
  Task<void> stop();

 private:
  Task<void> run(Gate::Hold hold);
  Task<void> round();

  Broker& broker_;
  Event stopped_;
  Gate running_;
  bool has_started_ = false;
};

}  // namespace penstock::broker
