// WaitingRequests: counts a shard's requests that wait for something to happen (a Fetch for messages, a
// JoinGroup or SyncGroup for other members), and bounds them.
//
// Clients say how long a Fetch waits, so without a bound they could fill the memory with them. Who
// finds no place does not wait: a Fetch is answered with what there is, a member is told to come again.
//
// Ownership: the shard's broker owns it; the statistics must outlive it, and it its places. Threading:
// the shard's scheduler.
#pragma once

#include <optional>
#include <utility>

#include "broker/broker_stats.h"
#include "broker/client.h"
#include "broker/settings.h"

namespace penstock::broker {

class WaitingRequests {
 public:
  // A request's place, given back when it goes.
  class Place {
   public:
    Place(WaitingRequests& room, Client& client, std::size_t bytes)
        : room_(&room), client_(&client), bytes_(bytes) {}
    Place(Place&& other) noexcept
        : room_(std::exchange(other.room_, nullptr)), client_(other.client_), bytes_(other.bytes_) {}
    Place& operator=(Place&& other) noexcept {
      if (this != &other) {
        release();
        room_ = std::exchange(other.room_, nullptr);
        client_ = other.client_;
        bytes_ = other.bytes_;
      }
      return *this;
    }
    ~Place() { release(); }

   private:
    void release() {
      if (room_ != nullptr) room_->leave(*client_, bytes_);
      room_ = nullptr;
    }

    WaitingRequests* room_;
    Client* client_;
    std::size_t bytes_;
  };

  WaitingRequests(const WaitingLimits& limits, BrokerStats& stats) : limits_(limits), stats_(stats) {}

  // A place for a request of so many bytes; nothing when there is none, or the client has gone.
  std::optional<Place> enter(Client& client, std::size_t bytes) {
    if (client.gone.is_aborted()) return std::nullopt;
    const bool is_full = client.waiting_count >= limits_.of_connection ||
                         stats_.waiting_requests >= limits_.of_shard ||
                         stats_.waiting_bytes + bytes > limits_.bytes_of_shard;
    if (is_full) {
      ++stats_.refused_waits;
      return std::nullopt;
    }
    ++client.waiting_count;
    ++stats_.waiting_requests;
    stats_.waiting_bytes += bytes;
    return std::optional<Place>(std::in_place, *this, client, bytes);
  }

 private:
  void leave(Client& client, std::size_t bytes) {
    --client.waiting_count;
    --stats_.waiting_requests;
    stats_.waiting_bytes -= bytes;
  }

  const WaitingLimits& limits_;
  BrokerStats& stats_;
};

}  // namespace penstock::broker
