// ConsumerClient: a member of a group of the new protocol, as clients behave: it says everything when
// it joins and when an answer did not arrive, and else what has changed.
//
// What it was told takes effect in two steps, which cannot be broken off: from begin() on it may use
// what it is getting, and only from end() on it says so, and has let go of the rest.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <utility>

#include "group/requests.h"

namespace penstock::group::testing {

class ConsumerClient {
 public:
  ConsumerClient() = default;
  explicit ConsumerClient(std::set<std::string> topics, std::optional<std::string> instance_id = {})
      : topics_(std::move(topics)), instance_id_(std::move(instance_id)) {}

  ConsumerHeartbeat request() {
    ConsumerHeartbeat request;
    request.member = {id_, instance_id_};
    request.epoch = epoch_;
    request.client_id = "client";
    request.client_host = "/192.0.2.1";
    if (std::exchange(must_say_all_, false)) {
      request.rebalance_timeout = std::chrono::seconds(60);
      request.topic_names = topics_;
      request.owned = said_;
      has_said_ = said_;
    } else if (has_said_ != said_) {
      request.owned = said_;
      has_said_ = said_;
    }
    return request;
  }
  ConsumerHeartbeat leave_request(std::int32_t epoch = kLeaveEpoch) const {
    ConsumerHeartbeat request;
    request.member = {id_, instance_id_};
    request.epoch = epoch;
    return request;
  }

  void take(const ConsumerHeartbeatAnswer& answer) {
    switch (answer.error) {
      case kafka::KafkaError::kNone:
        id_ = answer.member_id;
        epoch_ = answer.epoch;
        if (answer.assigned) told_ = answer.assigned;
        return;
      case kafka::KafkaError::kUnknownMemberId:
      case kafka::KafkaError::kFencedMemberEpoch:
      case kafka::KafkaError::kGroupIdNotFound: start_over(); return;
      default: lose(); return;
    }
  }
  // An answer did not arrive.
  void lose() { must_say_all_ = true; }
  void subscribe(std::set<std::string> topics) {
    topics_ = std::move(topics);
    must_say_all_ = true;
  }

  bool can_begin() const { return told_ && !getting_; }
  void begin() {
    getting_ = std::exchange(told_, std::nullopt);
    add(used_, *getting_);
  }
  bool can_end() const { return getting_.has_value(); }
  void end() {
    used_ = said_ = *getting_;
    getting_.reset();
  }
  // All of it, as it was last told.
  void settle() {
    if (can_end()) end();
    if (!can_begin()) return;
    begin();
    end();
  }
  void start_over() {
    epoch_ = kJoinEpoch;
    used_.clear();
    said_.clear();
    told_.reset();
    getting_.reset();
    must_say_all_ = true;
  }
  // A new process with the same configuration.
  void restart() {
    start_over();
    id_.clear();
  }

  const std::string& id() const { return id_; }
  std::int32_t epoch() const { return epoch_; }
  const Assignment& used() const { return used_; }
  const std::set<std::string>& topics() const { return topics_; }
  bool is_static() const { return instance_id_.has_value(); }

 private:
  std::set<std::string> topics_;
  std::optional<std::string> instance_id_;
  std::string id_;
  std::int32_t epoch_ = kJoinEpoch;
  bool must_say_all_ = true;
  Assignment used_;                 // what it may be reading
  Assignment said_;                 // what it says that it has
  Assignment has_said_;             // and said last
  std::optional<Assignment> told_;  // and did not begin with
  std::optional<Assignment> getting_;
};

}  // namespace penstock::group::testing
