// FetchSessions: the fetch sessions (KIP-227) of one shard's connections, a bounded number of them.
//
// A session is made for a consumer that asks for one, while there is room. When there is none, a
// session that has not been used for a while gives way, or one that is old and saves less than the new
// one would; else the consumer goes on without, and its requests are full ones. A consumer whose
// session has gone, or that comes back on another shard's connection, is told so and begins a new one.
//
// Ownership: the shard's broker owns it. Threading: the shard's scheduler.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>

#include "base/random.h"
#include "broker/broker_stats.h"
#include "broker/fetch_session.h"
#include "broker/settings.h"
#include "task/scheduler.h"

namespace penstock::broker {

// What a fetch is to a session.
struct FetchTurn {
  // With an error nothing is fetched, and the answer is the error.
  kafka::KafkaError error = kafka::KafkaError::kNone;
  std::shared_ptr<FetchSession> session{};  // null: the request is of no session
  bool is_incremental = false;
};

class FetchSessions {
 public:
  // A session may go when it has not been used for so long; or when it is so old and another one saves
  // more.
  static constexpr Duration kMayGoAfter = std::chrono::minutes(2);
  // Of all sessions of a shard: about 200 bytes each, and the topic's name.
  static constexpr std::size_t kMaxPartitions = 100'000;

  // All must outlive it. `shard` makes ids unique among the shards of a broker.
  FetchSessions(Scheduler& scheduler, Random& random, const Settings& settings,
                FetchSessionStats& stats, std::size_t shard)
      : scheduler_(scheduler), random_(random), settings_(settings), stats_(stats), shard_(shard) {}
  FetchSessions(const FetchSessions&) = delete;
  FetchSessions& operator=(const FetchSessions&) = delete;

  // Begins the turn of a request: finds its session, or makes one if it asks for one, and takes in what
  // the request says. Errors: kFetchSessionIdNotFound, kInvalidFetchSessionEpoch,
  // kFetchSessionTopicIdError.
  FetchTurn begin(const kafka::FetchRequest& request, std::int16_t version);
  // Ends it: the answer says which session it is of, and no more than it must.
  void finish(const FetchTurn& turn, kafka::FetchResponse& response);

 private:
  struct Slot {
    std::shared_ptr<FetchSession> session;
    Instant created;
    Instant used;
  };
  using Slots = std::list<Slot>;

  FetchTurn begin_full(const kafka::FetchRequest& request, bool by_id);
  FetchTurn begin_incremental(const kafka::FetchRequest& request, bool by_id);
  bool make_room(std::size_t partitions);
  bool has_room(std::size_t partitions) const;
  Slots::iterator who_may_go(std::size_t partitions);
  std::int32_t new_id();
  void remove(Slots::iterator slot);

  Scheduler& scheduler_;
  Random& random_;
  const Settings& settings_;
  FetchSessionStats& stats_;
  const std::size_t shard_;
  Slots slots_;  // the one used longest ago first
  std::map<std::int32_t, Slots::iterator> by_id_;
};

}  // namespace penstock::broker
