// Script: one small life of a shard, for campaigns that go through all of its moments.
//
// A script is drawn from the case's number: some partitions, some clients, at most kMostCalls device
// calls; every second one starts on what an earlier life has left. What differs between campaigns is
// what happens at its moments: images of the storage are taken and recovered, or calls go wrong.
//
// Ownership: one case owns its script. Threading: one thread.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "sim/shard.h"

namespace penstock::sim {

class Script {
 public:
  static constexpr std::uint64_t kMostCalls = 200;

  Script(std::uint64_t seed, const CaseOptions& options, CaseResult& result);

  struct Hooks {
    // In front of each step of the life; `shard` is the one that lives.
    std::function<void(Shard& shard)> on_step{};
    // What goes wrong with a call that starts.
    std::function<std::optional<SimFault>(Shard& shard, const SimCall& call)> on_call{};
    Shard::Excuse excuse{};
    // When the clients have ended, before the shard is closed.
    std::function<Task<void>(Shard& shard)> at_end{};
  };
  // Plays it once; the earlier life, if it has one, is not disturbed.
  void play(const Hooks& hooks);

  SimStorage& storage() { return storage_; }
  World& world() { return world_; }
  // Of the life that was played.
  std::uint64_t steps() const { return steps_; }

 private:
  Activity draw_activity();
  void live(const Hooks& hooks, Activity activity, bool dies);
  static Task<void> spend(Shard& shard, const Hooks& hooks, Activity activity);

  SimStorage storage_;
  World world_;
  std::uint64_t steps_ = 0;
};

// Where the partitions of a shard begin and end.
using Ends = std::vector<std::pair<Offset, Offset>>;

struct RecoverOptions {
  // In front of each step of the first recovery.
  std::function<void(Shard& shard)> on_step{};
  // Appends to each partition behind what was recovered, dies, and expects all of it after another
  // recovery.
  bool goes_on = false;
};

// Recovers what is on `storage` and holds it against `world`, a copy of the one that the storage
// belongs to. Returns what was found.
Ends recover_image(SimStorage& storage, World world, const RecoverOptions& options);

}  // namespace penstock::sim
