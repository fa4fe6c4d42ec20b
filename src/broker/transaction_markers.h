// TransactionMarkers: says in partitions and groups how a transaction has ended.
//
// Ownership: the broker's, which must outlive it. Threading: the broker's shard; it calls on others.
#pragma once

#include "transaction/coordinator.h"

namespace penstock::broker {

class Broker;

class TransactionMarkers final : public transaction::Markers {
 public:
  explicit TransactionMarkers(Broker& broker) : broker_(broker) {}

  Task<transaction::Decision> write(transaction::Decision decision) override;

 private:
  Broker& broker_;
};

}  // namespace penstock::broker
