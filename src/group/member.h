// Member: one of a group's, with the requests of its that wait.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "group/requests.h"
#include "task/sync.h"

namespace penstock::group {

// A request that waits for its answer. Whoever waits holds it; whoever answers lets go of it. One whose
// asker has gone stays with the group, which answers nobody then: a lost connection changes nothing of
// the member's standing, its session does.
template <typename Answer>
class Parked {
 public:
  explicit Parked(Scheduler& scheduler) : event_(scheduler) {}

  void give(Answer answer) {
    answer_ = std::move(answer);
    event_.set();
  }
  // `if_gone` is the answer when the asker goes first.
  static Task<Answer> wait(std::shared_ptr<Parked> parked, AbortSource* gone, Answer if_gone) {
    const AbortSource::Wake wake(gone, parked->event_);
    co_await parked->event_.wait();
    co_return parked->answer_ ? std::move(*parked->answer_) : std::move(if_gone);
  }

 private:
  Event event_;
  std::optional<Answer> answer_;
};

// What somebody says in a protocol; empty when he does not speak it.
const std::vector<std::byte>& metadata_in(std::string_view protocol,
                                          const std::vector<Protocol>& spoken);

// The topics of what is a ConsumerProtocolSubscription; nullopt if it is none.
std::optional<std::set<std::string>> topics_of(ByteView subscription);

struct Member {
  std::string id;
  std::optional<std::string> instance_id;
  std::string client_id;
  std::string client_host;
  Duration session_timeout{};
  Duration rebalance_timeout{};
  std::vector<Protocol> protocols;
  std::vector<std::byte> assignment;

  Instant expires;         // unless it is heard of
  bool is_new = false;     // was in no generation yet
  bool owes_sync = false;  // of this generation
  std::shared_ptr<Parked<JoinAnswer>> joining;
  std::shared_ptr<Parked<SyncAnswer>> syncing;

  bool is_static() const { return instance_id.has_value(); }

  void answer_join(JoinAnswer answer) {
    if (joining) std::exchange(joining, nullptr)->give(std::move(answer));
  }
  void answer_sync(SyncAnswer answer) {
    if (syncing) std::exchange(syncing, nullptr)->give(std::move(answer));
  }
};

}  // namespace penstock::group
