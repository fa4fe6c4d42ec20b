#include "sim/shard.h"

#include <fmt/format.h>

#include <algorithm>

#include "log/testing/batches.h"
#include "task/sync.h"

namespace penstock::sim {

namespace {

// A power cut may take any of it, and what it has taken of it is told.
bool is_about_shared_memory(const std::string& finding) {
  return finding.find("acknowledged from memory") != std::string::npos;
}

std::string name_of(std::size_t index) { return fmt::format("topic-{}/0", index); }
std::string topic_directory_of(std::size_t index) {
  return fmt::format("/data/topics/topic-{}", index);
}
std::string directory_of(std::size_t index) { return topic_directory_of(index) + "/0"; }

log::PartitionId id_of(std::size_t index, const Model& model) {
  log::PartitionId id;
  id.topic_name = fmt::format("topic-{}", index);
  id.topic_id.fill(static_cast<std::byte>(0xA0 + index));
  store_le<std::uint32_t>(id.topic_id, 0, model.generation());
  return id;
}

}  // namespace

World::World(CaseResult& of, const CaseOptions& options, std::uint64_t seed,
             std::size_t partition_count)
    : result(&of), trace(options.trace), random(seed) {
  for (std::size_t i = 0; i < partition_count; ++i) models.emplace_back(of.verdict, name_of(i));
}

Shard::Shard(SimStorage& storage, World& world, log::testing::LogShardOptions options)
    : LogShard(prepared(storage, world), prepared(std::move(options), world)),
      storage_(storage),
      world_(world) {
  for (std::size_t i = 0; i < world.models.size(); ++i) {
    served_.push_back(Served{.model = &world.models[i], .directory = directory_of(i)});
  }
}

Shard::~Shard() {
  PENSTOCK_ASSERT(is_pool_closed_, "a shard is closed before it is dropped");
  world_.wall_ms = clock.wall_ms();
  world_.was_killed = disk.was_killed();
  world_.had_power_cut |= disk.has_crashed() && !disk.was_killed();
  world_.result->fold(disk.trace_hash());
}

SimStorage& Shard::prepared(SimStorage& storage, const World& world) {
  for (std::size_t i = 0; i < world.models.size(); ++i) {
    // Only once: later, a missing directory is something that the log did.
    if (!storage.exists(topic_directory_of(i))) storage.make_directories(directory_of(i));
  }
  return storage;
}

log::testing::LogShardOptions Shard::prepared(log::testing::LogShardOptions options,
                                              const World& world) {
  options.wall_ms_at_start = world.wall_ms;
  if (world.trace) {
    options.disk.trace = [](std::string_view line) { fmt::print(stderr, "{}\n", line); };
  }
  return options;
}

World Shard::world_after(SimCrash death) const {
  for (const Served& served : served_) {
    if (served.partition) served.model->note_durable(served.partition->marks().durable_end);
  }
  World after = world_;
  after.was_killed = death == SimCrash::kKill;
  after.had_power_cut |= death == SimCrash::kPowerCut;
  return after;
}

Task<bool> Shard::recover() {
  for (Served& served : served_) served.model->start_life(world_.was_killed);
  auto started = co_await start_pool();
  if (!started) {
    note_error(0, started.error(), "starting the pool");
    co_return false;
  }
  for (std::size_t i = 0; i < served_.size(); ++i) {
    if (served_[i].model->is_being_destroyed()) {
      // A topic's deletion that had begun is ended by the next start.
      auto removed = co_await remove_rest(i);
      if (!removed) {
        note_error(i, removed.error(), "removing what is left");
        co_return false;
      }
      served_[i].model->confirm_destruction();
    }
    if (!co_await open(i)) co_return false;
  }
  co_return true;
}

Task<bool> Shard::open(std::size_t index) {
  Served& served = served_[index];
  Model& model = *served.model;
  served.options = draw_topic(random(), world_.commit_policies);
  auto opened =
      co_await log::Partition::open(context(), served.directory, id_of(index, model), served.options);
  if (!opened) {
    note_error(index, opened.error(), "opening");
    co_return false;
  }
  served.partition = std::move(*opened);
  log::RecoveryReport report = served.partition->recovery_report();
  if (report.unsynced_records > 0) counts().add("recoveries from shared memory");
  if (world_.had_power_cut) std::erase_if(report.findings, is_about_shared_memory);
  if (report.torn_bytes > 0) counts().add("torn tails cut");
  if (!report.findings.empty()) counts().add("damage found by recovery");
  const log::Marks& marks = served.partition->marks();
  served.recovered_start = marks.log_start;
  served.recovered_end = marks.high_watermark;
  model.recover({.start = marks.log_start,
                 .end = marks.high_watermark,
                 .findings = report.findings,
                 .refuses_appends = served.partition->fence().has_value()});
  co_return true;
}

Task<bool> Shard::recover_and_read() {
  if (!co_await recover()) co_return false;
  for (std::size_t i = 0; i < served_.size(); ++i) co_await read_all(i);
  co_return true;
}

Task<void> Shard::close() {
  for (std::size_t i = 0; i < served_.size(); ++i) {
    const auto partition = served_[i].partition;
    if (!partition) continue;
    auto closed = co_await partition->close();
    if (!closed) note_error(i, closed.error(), "closing");
    served_[i].model->note_durable(partition->marks().durable_end);
    served_[i].partition.reset();
  }
  co_await stop_pool();
  is_pool_closed_ = true;
}

Task<void> Shard::read_all(std::size_t index) {
  const auto partition = served_[index].partition;
  if (!partition) co_return;
  Offset next = partition->marks().log_start;
  const Offset end = partition->marks().high_watermark;
  while (next < end && !is_over() && served_[index].partition == partition) {
    if (!co_await read_some(index, next, end)) co_return;
  }
}

Task<bool> Shard::read_some(std::size_t index, Offset& next, Offset end) {
  const auto partition = served_[index].partition;
  Model& model = *served_[index].model;
  if (!partition) co_return false;
  const std::uint32_t generation = model.generation();
  log::ReadLimits limits;
  limits.max_bytes = 1 + random().below(40 * kKiB);
  auto found = co_await partition->read(next, limits);
  if (disk.has_crashed()) co_return false;                // nobody heard of it
  if (model.generation() != generation) co_return false;  // deleted, and created again, meanwhile
  if (!found) {
    const Offset start = partition->marks().log_start;
    if (found.error().code() == ErrorCode::kOutOfRange && next < start) {
      next = start;  // deleted meanwhile
      co_return true;
    }
    if (found.error().code() == ErrorCode::kCorrupt && !disk.has_crashed()) {
      counts().add("damage found by readers");
      if (!model.miss(next, found.error().message())) co_return false;
      next = next + 1;
      co_return true;
    }
    note_error(index, found.error(), "reading");
    co_return false;
  }
  if (found->batches.empty()) {
    model.fail(fmt::format("nothing was served at offset {}, below the end {}", next, end));
    co_return false;
  }
  next = model.batch_at(next);
  for (const SharedSlice& batch : found->batches) {
    if (!model.serve(next, batch.view(), next)) co_return false;
  }
  co_return true;
}

Task<bool> Shard::append(std::size_t index, std::uint64_t most_bytes) {
  const auto partition = served_[index].partition;
  Model& model = *served_[index].model;
  if (!partition) co_return false;
  const std::uint32_t generation = model.generation();
  log::testing::BatchShape shape;
  shape.record_count = static_cast<std::int32_t>(1 + random().below(4));
  shape.payload_bytes = random().below(most_bytes);
  shape.timestamp_ms = clock.wall_ms();
  const auto batch = log::testing::make_batch(random().next(), shape);
  auto ticket = co_await partition->append(batch, Model::kLeaderEpoch);
  if (disk.has_crashed()) co_return false;
  if (model.generation() != generation) co_return false;  // deleted, and created again, meanwhile
  if (!ticket) {
    note_error(index, ticket.error(), "appending");
    co_return false;
  }
  const Offset base = ticket->base_offset;
  if (!model.send(base, ticket->next_offset, batch)) co_return false;
  auto durable = co_await partition->wait_acknowledged(std::move(*ticket));
  if (disk.has_crashed()) co_return false;
  if (model.generation() != generation) co_return false;
  if (!durable) {
    note_error(index, durable.error(), "appending");
    co_return false;
  }
  model.acknowledge(base);
  counts().add("batches acknowledged");
  co_return true;
}

Task<void> Shard::delete_below(std::size_t index, Offset start) {
  const auto partition = served_[index].partition;
  Model& model = *served_[index].model;
  if (!partition || model.is_being_destroyed()) co_return;
  const std::uint32_t generation = model.generation();
  model.ask_deletion(start);
  auto deleted = co_await partition->delete_below(start);
  if (model.generation() != generation) co_return;
  if (!deleted) {
    note_error(index, deleted.error(), "deleting records");
    co_return;
  }
  model.confirm_deletion(start);
  model.begin(partition->marks().log_start);
  counts().add("deletions from the beginning");
}

Task<void> Shard::retain(std::size_t index, log::Retention keep) {
  const auto partition = served_[index].partition;
  Model& model = *served_[index].model;
  if (!partition || model.is_being_destroyed()) co_return;
  const std::uint32_t generation = model.generation();
  // It may take what is acknowledged while it runs.
  model.ask_deletion(partition->marks().append_end);
  auto done = co_await partition->apply(keep);
  if (model.generation() != generation) co_return;
  if (!done) {
    note_error(index, done.error(), "applying retention");
    co_return;
  }
  model.confirm_deletion(partition->marks().log_start);
  counts().add("rounds of retention");
}

Task<void> Shard::change(std::size_t index) {
  const auto partition = served_[index].partition;
  Model& model = *served_[index].model;
  if (!partition || model.is_being_destroyed()) co_return;
  const std::uint32_t generation = model.generation();
  log::PartitionOptions options = draw_topic(random(), world_.commit_policies);
  if (random().coin()) options.segment_bytes /= 2;
  if (random().one_in(3)) options.segment_age = std::chrono::milliseconds(1 + random().below(10));
  served_[index].options = options;
  auto changed = co_await partition->change(options);
  if (model.generation() != generation) co_return;
  if (!changed) {
    note_error(index, changed.error(), "changing options");
    co_return;
  }
  counts().add("changes of options");
}

Task<void> Shard::compact(std::size_t index) {
  const auto partition = served_[index].partition;
  if (!partition) co_return;
  Model& model = *served_[index].model;
  const std::uint32_t generation = model.generation();
  constexpr std::uint64_t kBytesPerSecond = 256 * kMiB;
  const log::CompactionOptions options{.pad_share_min = 0.1, .bytes_per_second = kBytesPerSecond};
  auto compacted = co_await partition->compact(options);
  if (model.generation() != generation) co_return;
  if (!compacted) {
    note_error(index, compacted.error(), "compacting");
    co_return;
  }
  counts().add("segments rewritten", compacted->segments);
}

Task<void> Shard::destroy(std::size_t index) {
  Served& served = served_[index];
  Model& model = *served.model;
  const auto partition = served.partition;
  if (!partition || model.is_being_destroyed()) co_return;
  model.ask_destruction();
  served.partition.reset();
  auto destroyed = co_await partition->destroy();
  if (!destroyed) {
    note_error(index, destroyed.error(), "deleting the partition");
    co_return;
  }
  auto created = co_await make_directory(served.directory);
  if (!created) {
    note_error(index, created.error(), "creating the partition again");
    co_return;
  }
  model.confirm_destruction();
  model.start_life(/*after_kill=*/false);
  counts().add("partitions deleted and created");
  co_await open(index);
}

Task<Result<void>> Shard::make_directory(const std::string& directory) {
  auto made = co_await disk.make_directory(directory);
  if (!made && made.error().code() != ErrorCode::kExists) co_return made;
  co_return co_await disk.sync_directory(directory.substr(0, directory.rfind('/')));
}

// What an interrupted deletion of the partition has left; then its directory is there, and empty.
Task<Result<void>> Shard::remove_rest(std::size_t index) {
  const std::string& directory = served_[index].directory;
  if (auto made = co_await make_directory(directory); !made) co_return made;
  auto names = co_await disk.list(directory);
  if (!names) co_return Unexpected(names.error());
  for (const std::string& name : *names) {
    if (auto removed = co_await disk.remove(directory + "/" + name); !removed) co_return removed;
  }
  co_return co_await disk.sync_directory(directory);
}

void Shard::note_error(std::size_t index, const Error& error, std::string_view doing) {
  if (disk.has_crashed()) return;
  const bool is_being_destroyed = served_[index].model->is_being_destroyed();
  if (is_being_destroyed && error.code() == ErrorCode::kClosed) return;
  if (excuse_ && excuse_(index, error)) return;
  served_[index].model->fail(
      fmt::format("{}: an error on a healthy machine: {}", doing, error.message()));
}

namespace {

Task<void> note_end(Task<void> body, Event& ended) {
  co_await body;
  ended.set();
}

Task<void> watch(Shard& shard, Duration within, Event& ended) {
  if (co_await ended.wait_until(shard.scheduler.now() + within)) co_return;
  shard.verdict().fail(fmt::format("something still waits after {} s of virtual time",
                                   std::chrono::duration_cast<std::chrono::seconds>(within).count()));
  if (!shard.disk.has_crashed()) shard.disk.kill();
}

}  // namespace

void run_within(Shard& shard, Duration within, Task<void> body) {
  Event ended(shard.scheduler);
  shard.scheduler.spawn(watch(shard, within, ended));
  shard.scheduler.spawn(note_end(std::move(body), ended));
  shard.scheduler.run_to_end();
}

}  // namespace penstock::sim
