// World and Shard: partitions, and one life of the simulated machine that serves them.
//
// A World is what outlives machines: the models of its partitions, the random numbers, the verdict. A
// Shard is one life on a storage: it recovers the partitions, is worked with (clients.h), and ends.
// What it finds and serves is held against the models at once.
//
// A World can be copied, to hold another future of the same past against it: an image of the storage at
// some step (SimDisk::image()) together with a copy of the world is a machine that died there.
//
// Ownership: storage and world must outlive the shard; close() must have completed before it is
// destroyed. Threading: one thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "log/testing/log_shard.h"
#include "sim/case.h"
#include "sim/model.h"
#include "sim/settings.h"

namespace penstock::sim {

struct World {
  World(CaseResult& result, const CaseOptions& options, std::uint64_t seed,
        std::size_t partition_count);

  CaseResult* result;
  bool trace;
  Random random;
  std::vector<Model> models;
  std::int64_t wall_ms = SimMachine::kFirstWallMs;
  CommitPolicies commit_policies = CommitPolicies::kAll;
  // The life before: what it left may be with the kernel only.
  bool was_killed = false;
  // In any life: what it took of what was acknowledged from memory may be told at every start until one
  // has come to its end.
  bool had_power_cut = false;
};

class Shard : public log::testing::LogShard {
 public:
  // A partition while it is served.
  struct Served {
    Model* model = nullptr;
    std::string directory;
    log::PartitionOptions options{};
    std::shared_ptr<log::Partition> partition{};
    Offset recovered_start{};
    Offset recovered_end{};
  };
  // Whether an error was to be expected, on a machine that lives.
  using Excuse = std::function<bool(std::size_t partition, const Error& error)>;

  Shard(SimStorage& storage, World& world, log::testing::LogShardOptions options);
  ~Shard();

  void excuse(Excuse excuse) { excuse_ = std::move(excuse); }

  // Starts the pool, opens every partition, and holds it against its model. False when that was not
  // possible, because the machine died or an excused error came.
  Task<bool> recover();
  // The same, and reads everything that was found.
  Task<bool> recover_and_read();
  // Ends everything.
  Task<void> close();

  // Opens a partition that is not being served.
  Task<bool> open(std::size_t index);
  // Reads [log start, end) in steps of random size, and holds what comes against the model.
  Task<void> read_all(std::size_t index);
  // Reads once from `next`, which moves on. False when reading ends here.
  Task<bool> read_some(std::size_t index, Offset& next, Offset end);
  // Appends one batch and waits until it is acknowledged; false when it was not.
  Task<bool> append(std::size_t index, std::uint64_t most_bytes);
  Task<void> delete_below(std::size_t index, Offset start);
  Task<void> retain(std::size_t index, log::Retention keep);
  Task<void> compact(std::size_t index);
  // To options as another topic might have them.
  Task<void> change(std::size_t index);
  // Deletes the partition, with everything, and creates it again.
  Task<void> destroy(std::size_t index);

  SimStorage& storage() { return storage_; }
  // As it would be if the machine died now.
  World world_after(SimCrash death) const;
  Random& random() { return world_.random; }
  Verdict& verdict() { return world_.result->verdict; }
  Counts& counts() { return world_.result->counts; }
  std::size_t count() const { return served_.size(); }
  Served& served(std::size_t index) { return served_[index]; }
  // Dead, or told to stop.
  bool is_over() const { return disk.has_crashed() || world_.result->verdict.has_failed(); }

  // An error that nothing explains is a failure.
  void note_error(std::size_t index, const Error& error, std::string_view doing);

 private:
  static SimStorage& prepared(SimStorage& storage, const World& world);
  static log::testing::LogShardOptions prepared(log::testing::LogShardOptions options,
                                                const World& world);
  Task<Result<void>> remove_rest(std::size_t index);
  Task<Result<void>> make_directory(const std::string& directory);

  SimStorage& storage_;
  World& world_;
  std::vector<Served> served_;
  Excuse excuse_;
  bool is_pool_closed_ = false;
};

// Runs `body` on the shard to its end, and then everything that it has left behind. If that takes more
// than `within` of virtual time, something waits for ever: a failure, and the machine is killed.
void run_within(Shard& shard, Duration within, Task<void> body);

}  // namespace penstock::sim
