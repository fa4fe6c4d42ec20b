#include "broker/fetch_sessions.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "broker/topic_table.h"

namespace penstock::broker {

using kafka::FetchRequest;
using kafka::FetchResponse;
using kafka::KafkaError;

namespace {

constexpr std::int32_t kNewSession = 0;  // as an epoch
constexpr std::int32_t kNoSession = -1;  // as an epoch: ends the one that is named, too

// How many partitions the session of a full request would have, at most.
std::size_t count_partitions(const FetchRequest& request) {
  std::size_t count = 0;
  for (const FetchRequest::Topic& topic : request.topics) count += topic.partitions.size();
  return count;
}

// A name that cannot be a topic's is answered and not remembered: it may be long.
bool has_only_names_of_topics(const FetchRequest& request) {
  return std::ranges::all_of(request.topics, [](const FetchRequest::Topic& topic) {
    return topic.topic.empty() || is_valid_topic_name(topic.topic);
  });
}

}  // namespace

FetchTurn FetchSessions::begin(const FetchRequest& request, std::int16_t version) {
  const bool by_id = version >= kafka::kFirstFetchWithIds;
  const bool is_full = request.session_epoch == kNewSession || request.session_epoch == kNoSession;
  return is_full ? begin_full(request, by_id) : begin_incremental(request, by_id);
}

FetchTurn FetchSessions::begin_full(const FetchRequest& request, bool by_id) {
  const auto old = by_id_.find(request.session_id);
  if (old != by_id_.end()) remove(old->second);
  const std::size_t partitions = count_partitions(request);
  const bool wants_session = request.session_epoch == kNewSession && partitions > 0;
  if (!wants_session || !has_only_names_of_topics(request) || !make_room(partitions)) return {};

  auto session = std::make_shared<FetchSession>(new_id(), by_id);
  session->apply(request);
  const Instant now = scheduler_.now();
  by_id_.emplace(session->id(), slots_.insert(slots_.end(), Slot{session, now, now}));
  ++stats_.sessions;
  ++stats_.created;
  stats_.partitions += session->partition_count();
  return {.session = std::move(session)};
}

FetchTurn FetchSessions::begin_incremental(const FetchRequest& request, bool by_id) {
  const auto place = by_id_.find(request.session_id);
  if (place == by_id_.end()) return {.error = KafkaError::kFetchSessionIdNotFound};
  const Slots::iterator slot = place->second;
  std::shared_ptr<FetchSession> session = slot->session;
  if (request.session_epoch != session->next_epoch()) {
    return {.error = KafkaError::kInvalidFetchSessionEpoch};
  }
  if (by_id != session->is_by_id()) return {.error = KafkaError::kFetchSessionTopicIdError};
  // A session that would outgrow the cache ends; the consumer begins anew.
  if (stats_.partitions + count_partitions(request) > kMaxPartitions ||
      !has_only_names_of_topics(request)) {
    remove(slot);
    return {.error = KafkaError::kFetchSessionIdNotFound};
  }

  stats_.partitions -= session->partition_count();
  session->apply(request);
  session->advance_epoch();
  stats_.partitions += session->partition_count();
  if (session->partition_count() == 0) {
    remove(slot);
    return {};
  }
  slot->used = scheduler_.now();
  slots_.splice(slots_.end(), slots_, slot);
  ++stats_.incremental_fetches;
  return {.session = std::move(session), .is_incremental = true};
}

void FetchSessions::finish(const FetchTurn& turn, FetchResponse& response) {
  if (!turn.session) return;
  response.session_id = turn.session->id();
  if (turn.is_incremental) {
    turn.session->reduce(response);
  } else {
    turn.session->note(response);
  }
}

bool FetchSessions::has_room(std::size_t partitions) const {
  return slots_.size() < settings_.max_fetch_sessions &&
         stats_.partitions + partitions <= kMaxPartitions;
}

bool FetchSessions::make_room(std::size_t partitions) {
  if (settings_.max_fetch_sessions == 0 || partitions > kMaxPartitions) return false;
  while (!has_room(partitions)) {
    const Slots::iterator slot = who_may_go(partitions);
    if (slot == slots_.end()) return false;
    remove(slot);
    ++stats_.evicted;
  }
  return true;
}

// The one that has not been used for longest, if that is long; else the smallest of those that are old
// and smaller than what asks for room.
FetchSessions::Slots::iterator FetchSessions::who_may_go(std::size_t partitions) {
  const Instant now = scheduler_.now();
  if (!slots_.empty() && now - slots_.front().used >= kMayGoAfter) return slots_.begin();
  Slots::iterator smallest = slots_.end();
  std::size_t smallest_size = partitions;
  for (Slots::iterator slot = slots_.begin(); slot != slots_.end(); ++slot) {
    const std::size_t size = slot->session->partition_count();
    if (now - slot->created < kMayGoAfter || size >= smallest_size) continue;
    smallest = slot;
    smallest_size = size;
  }
  return smallest;
}

// Random, so that a consumer that outlives the server does not find another's session under its old id.
std::int32_t FetchSessions::new_id() {
  constexpr std::uint64_t kShards = 256;
  constexpr std::uint64_t kIdsPerShard = std::numeric_limits<std::int32_t>::max() / kShards;
  while (true) {
    const auto id =
        static_cast<std::int32_t>(random_.between(1, kIdsPerShard - 1) * kShards + shard_ % kShards);
    if (!by_id_.contains(id)) return id;
  }
}

void FetchSessions::remove(Slots::iterator slot) {
  --stats_.sessions;
  stats_.partitions -= slot->session->partition_count();
  by_id_.erase(slot->session->id());
  slots_.erase(slot);
}

}  // namespace penstock::broker
