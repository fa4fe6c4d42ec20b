#include "server/shard.h"

#include <pthread.h>
#include <sched.h>
#include <spdlog/spdlog.h>
#include <sys/random.h>

#include <algorithm>
#include <vector>

#include "server/data_directory.h"

namespace penstock::server {

namespace {

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  const ssize_t got = ::getrandom(&seed, sizeof(seed), 0);
  PENSTOCK_ASSERT(got == sizeof(seed), "getrandom cannot fail for a few bytes");
  return seed;
}

AcceptorLimits limits_of(const Config& config) {
  return {.max_connections = config.max_connections,
          .inflight_bytes = config.inflight_bytes_per_shard,
          .keepalive_time = config.keepalive_time,
          .connection = {.max_request_bytes = config.max_request_bytes,
                         .max_requests = config.max_requests_per_connection,
                         .inflight_bytes = config.inflight_bytes_per_connection,
                         .unsent_bytes = config.unsent_bytes_per_connection,
                         .idle_timeout = config.idle_timeout}};
}

// The cores that this process may use.
std::vector<int> allowed_cores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  std::vector<int> cores;
  if (::sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return cores;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &allowed)) cores.push_back(core);
  }
  return cores;
}

void pin_this_thread(std::size_t shard) {
  const std::vector<int> cores = allowed_cores();
  if (cores.empty()) return;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cores[shard % cores.size()], &one);
  if (::pthread_setaffinity_np(::pthread_self(), sizeof(one), &one) != 0) {
    spdlog::warn("cannot pin shard {} to a core", shard);
  }
}

// More than that is first touched when it is needed.
constexpr std::uint64_t kReservedBytesMax = 256 * kMiB;

}  // namespace

Result<std::unique_ptr<Shard>> Shard::make(DiskStack& stack, catalog::Catalog& catalog,
                                           const Config& config, const broker::Settings& settings,
                                           std::size_t index, Descriptor listener) {
  Result<ShardReactor> reactor = stack.make_reactor();
  if (!reactor) return Unexpected(reactor.error().context(fmt::format("start shard {}", index)));
  std::unique_ptr<Shard> shard(
      new Shard(std::move(*reactor), stack, catalog, config, settings, index, std::move(listener)));
  if (auto started = shard->catch_up_.start(); !started) {
    return Unexpected(started.error().context(fmt::format("start shard {}", index)));
  }
  return shard;
}

Shard::Shard(ShardReactor reactor, DiskStack& stack, catalog::Catalog& catalog, const Config& config,
             const broker::Settings& settings, std::size_t index, Descriptor listener)
    : index_(index),
      reactor_(std::move(reactor)),
      scheduler_(clock_, reactor_.reactor()),
      disk_(stack.make_disk(scheduler_, reactor_)),
      random_(random_seed()),
      pool_(scheduler_, *disk_, pool_directory(config.data_directory, index), config.pool),
      catch_up_(scheduler_, pool_.commit_gaps(), config.catch_up),
      // Touched for the first time now, and not by the first commits.
      tail_reservation_(BlockHeap::instance().reserve(std::min(config.tail_bytes, kReservedBytesMax))),
      tails_(config.tail_bytes),
      broker_({.scheduler = scheduler_,
               .disk = *disk_,
               .pool = pool_,
               .random = random_,
               .reporter = &reporter_,
               .catch_up = &catch_up_,
               .stats = &log_stats_,
               .tails = &tails_},
              catalog, settings, config.data_directory, index),
      handler_(broker_),
      io_(make_socket_io(scheduler_, reactor_)),
      acceptor_(scheduler_, *io_, std::move(listener), handler_, broker_.answers(), limits_of(config)) {
}

Shard::~Shard() { stop_thread(); }

void Shard::LogReporter::report(Severity severity, std::string_view what) {
  switch (severity) {
    case Severity::kInfo: return spdlog::info("{}", what);
    case Severity::kWarning: return spdlog::warn("{}", what);
    case Severity::kError: return spdlog::error("{}", what);
  }
}

void Shard::start_thread(bool pinned) {
  thread_ = std::thread([this, pinned] {
    ::pthread_setname_np(::pthread_self(), fmt::format("shard-{}", index_).c_str());
    if (pinned) pin_this_thread(index_);
    scheduler_.run_until_stopped();
  });
}

void Shard::stop_thread() {
  if (!thread_.joinable()) return;
  scheduler_.stop();
  thread_.join();
}

Task<ShardStats> Shard::stats() {
  ShardStats stats;
  stats.partitions = co_await broker_.count_partitions();
  stats.loop = scheduler_.watch().stats();
  if (reactor_.uring) stats.ring = reactor_.uring->stats();
  stats.log = log_stats_;
  stats.pool = pool_.stats();
  stats.pool_spare_bytes = pool_.spare_bytes();
  stats.pool_ready_files = pool_.ready_count();
  stats.catch_up = catch_up_.stats();
  stats.cursors = catch_up_.cursor_count();
  stats.tail_bytes = tails_.held_bytes();
  if (const log::SegmentCache* cache = catch_up_.cache()) stats.cache = cache->stats();
  stats.broker = broker_.stats();
  stats.groups = broker_.groups().stats();
  stats.transactions = broker_.transactions().stats();
  stats.connections = acceptor_.stats();
  co_return stats;
}

Task<broker::BrokerStats> Shard::broker_stats() { co_return broker_.stats(); }

Task<void> Shard::close_connections(Duration grace) {
  broker_.release_waiting();
  return acceptor_.close(grace);
}

}  // namespace penstock::server
