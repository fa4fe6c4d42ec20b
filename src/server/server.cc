#include "server/server.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <thread>
#include <utility>

#include "penstock/probe.h"
#include "server/clean_marker.h"
#include "server/process.h"
#include "server/thread_call.h"
#include "server/version.h"

namespace penstock::server {

namespace {

// How long handlers may take to return once their connections are gone, before a stop is given up.
constexpr Duration kHandlersEndTime = std::chrono::seconds(5);

// For the stall watch: a system call more, and only where a shard is about to wait anyway. It costs a
// lone 4 KiB operation less than can be told from noise.
constexpr unsigned kTimeEverySubmission = 1;

// How often a long recovery says that it is still at it.
constexpr Duration kProgressEvery = std::chrono::seconds(5);

std::size_t core_count() { return std::max(1U, std::thread::hardware_concurrency()); }

std::string this_host() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
  return name.data();
}

// Waits for all of them; the first error.
Result<void> wait_for_all(std::vector<std::future<Result<void>>> results) {
  Result<void> first;
  for (auto& future : results) {
    Result<void> result = future.get();
    if (!result && first) first = std::move(result);
  }
  return first;
}

// What recovery had to do, in one line, and the damage that it found, a line each.
void log_recovery(const log::RecoveryReport& report, const std::string& stopped_at) {
  for (const std::string& finding : report.findings) spdlog::error("damage: {}", finding);
  const std::string scan = fmt::format(
      "scanned {} segments, {} bytes; {} torn bytes; {} records that were acknowledged from memory; {} "
      "findings",
      report.scanned_segment_count, report.scanned_bytes, report.torn_bytes, report.unsynced_records,
      report.findings.size());
  if (stopped_at.empty()) {
    spdlog::info("recovering after an unclean stop: {}", scan);
  } else if (report.scanned_segment_count == 0) {
    spdlog::info("clean shutdown at {}; nothing to scan", stopped_at);
  } else {
    spdlog::warn("clean shutdown at {}, and yet: {}", stopped_at, scan);
  }
}

}  // namespace

Result<std::unique_ptr<Server>> Server::start(const Config& config) {
  std::unique_ptr<Server> server(new Server(config));
  Result<void> done = server->prepare();
  if (done) done = server->open_catalog();
  if (done) done = server->make_shards();
  if (done) done = server->open_admin_port();
  if (done) done = server->start_storage();
  if (done) done = server->open_listeners();
  if (!done) return Unexpected(done.error());
  server->publish(ServerStats::Phase::kReady);
  return server;
}

Server::~Server() {
  if (!threads_running_) return;
  if (auto closing = start_closing_admin_port(); closing.valid()) closing.get();
  end_admin_port();
  for (auto& closing : close_connections(Duration::zero())) closing.get();
  if (const Result<void> stopped = stop_storage(); !stopped)
    spdlog::error("{}", stopped.error().message());
  stop_threads();
}

// --- Starting ------------------------------------------------------------------------------------

Result<void> Server::prepare() {
  raise_descriptor_limit();
  tune_allocator();
  shard_count_ = config_.shards == 0 ? core_count() : config_.shards;
  Result<DirectoryLock> lock = prepare_data_directory(config_.data_directory, shard_count_);
  if (!lock) return Unexpected(lock.error());
  lock_.emplace(std::move(*lock));
  return choose_io();
}

Result<void> Server::choose_io() {
  const Result<ProbeReport> report = probe(config_.data_directory);
  if (!report) return Unexpected(report.error());
  const Result<ChosenMode> chosen = choose_io_mode(*report, config_.io);
  if (!chosen) return Unexpected(chosen.error());

  DiskStackOptions options;
  options.mode = chosen->mode;
  options.uring = config_.io_uring;
  options.ring.keep_open = lock_->descriptor();
  options.ring.time_every = kTimeEverySubmission;
  const HeldSignals held;  // for the pool's threads
  Result<std::unique_ptr<DiskStack>> stack = DiskStack::create(options);
  if (!stack) return Unexpected(stack.error());
  stack_ = std::move(*stack);
  stats_.io_mode = to_string(chosen->mode);
  stats_.uses_uring = stack_->uses_uring();
  if (stack_->uses_uring()) {
    io_summary_ = fmt::format("{}, io_uring ({})", to_string(chosen->mode), chosen->reason);
  } else {
    io_summary_ = fmt::format("{}, worker threads ({}; no io_uring: {})", to_string(chosen->mode),
                              chosen->reason, stack_->uring_reason());
  }
  spdlog::info("I/O mode {}", io_summary_);
  return {};
}

Result<void> Server::open_catalog() {
  const HeldSignals held;  // for RocksDB's threads
  auto catalog = catalog::RocksCatalog::open(catalog_directory(config_.data_directory), config_.io);
  if (!catalog) return Unexpected(catalog.error());
  catalog_ = std::move(*catalog);
  return {};
}

Result<void> Server::make_shards() {
  const Result<Address> asked = parse_address(config_.listen);
  if (!asked) return Unexpected(asked.error());
  Result<BoundListeners> listeners = bind_listeners(*asked, shard_count_, stack_->uses_uring());
  if (!listeners) return Unexpected(listeners.error());
  address_ = listeners->address;
  if (Result<void> resolved = resolve_advertised(); !resolved) return resolved;

  std::vector<broker::Peer> peers;
  for (std::size_t i = 0; i < shard_count_; ++i) {
    Result<std::unique_ptr<Shard>> shard =
        Shard::make(*stack_, *catalog_, config_, config_.broker, i, std::move(listeners->sockets[i]));
    if (!shard) return Unexpected(shard.error());
    peers.push_back({.scheduler = &(*shard)->scheduler(), .broker = &(*shard)->broker()});
    shards_.push_back(std::move(*shard));
  }
  const HeldSignals held;  // the shards' threads never see a signal
  for (const auto& shard : shards_) {
    shard->broker().connect(peers);
    shard->start_thread(config_.pin_shards);
  }
  threads_running_ = true;
  return {};
}

Result<void> Server::resolve_advertised() {
  Address advertised = address_;
  if (!config_.advertised.empty()) {
    const Result<Address> asked = parse_address(config_.advertised);
    if (!asked) return Unexpected(asked.error());
    advertised = *asked;
    if (advertised.port == 0) advertised.port = address_.port;
  } else if (address_.is_wildcard()) {
    advertised.host = this_host();
    spdlog::info(
        "clients are told to connect to {}; set server.advertised if they know this machine by "
        "another name",
        to_string(advertised));
  }
  config_.broker.advertised_host = advertised.host;
  config_.broker.advertised_port = advertised.port;
  return {};
}

Result<void> Server::open_admin_port() {
  stats_.version = version();
  if (config_.admin_listen == Config::kAdminOff) return {};
  const Result<Address> asked = parse_address(config_.admin_listen);
  if (!asked) return Unexpected(asked.error());
  AdminTarget target;
  for (const auto& shard : shards_) {
    Shard* const asked_shard = shard.get();
    target.shards.push_back(
        {.scheduler = &shard->scheduler(),
         .stats = [asked_shard] { return asked_shard->stats(); },
         .broker_stats = [asked_shard] { return asked_shard->broker_stats(); },
         .lags = [asked_shard](std::size_t limit) { return asked_shard->lags(limit); }});
  }
  target.catalog_stats = [this] { return catalog_->stats(); };
  broker::Controller& controller = shards_.front()->broker().controller();
  target.controller = &shards_.front()->scheduler();
  target.reopen = [&controller](std::string topic, std::optional<std::int32_t> partition) {
    return controller.reopen(std::move(topic), partition);
  };
  AdminPortOptions options;
  options.lag_partitions = config_.lag_partitions;
  Result<std::unique_ptr<AdminPort>> port = AdminPort::start(*asked, std::move(target), options);
  if (!port) return Unexpected(port.error());
  admin_ = std::move(*port);
  spdlog::info("admin port on http://{}", to_string(admin_->address()));
  publish(ServerStats::Phase::kStarting);
  return {};
}

void Server::publish(ServerStats::Phase phase) {
  stats_.phase = phase;
  stats_.recovery = start_report_.recovery;
  if (phase == ServerStats::Phase::kReady)
    stats_.start_took = std::chrono::steady_clock::now() - began_;
  if (admin_) admin_->publish(stats_);
}

// Before the shards, whom it asks. Not valid when there is none.
std::future<void> Server::start_closing_admin_port() {
  if (!admin_) return {};
  publish(ServerStats::Phase::kStopping);
  return admin_->close();
}

void Server::end_admin_port() {
  if (!admin_) return;
  admin_->stop();
  admin_.reset();
}

Result<void> Server::start_storage() {
  std::vector<std::future<Result<void>>> pools;
  pools.reserve(shards_.size());
  for (const auto& shard : shards_) {
    pools.push_back(call_from_thread(shard->scheduler(), [&shard] { return shard->start_pool(); }));
  }
  if (Result<void> started = wait_for_all(std::move(pools)); !started) return started;

  Shard& first = *shards_.front();
  const auto take_marker = [&first, this] {
    return take_clean_marker(first.disk(), config_.data_directory);
  };
  const Result<std::optional<CleanMarker>> marker =
      call_from_thread(first.scheduler(), take_marker).get();
  if (!marker) return Unexpected(marker.error());
  return start_brokers(*marker ? (*marker)->stopped_at : "");
}

Result<void> Server::start_brokers(const std::string& earlier_stop) {
  Shard& first = *shards_.front();
  const auto start_broker = [&first] { return first.broker().start(); };
  auto started = call_from_thread(first.scheduler(), start_broker);
  const auto began = std::chrono::steady_clock::now();
  while (started.wait_for(kProgressEvery) != std::future_status::ready) {
    const auto taken =
        std::chrono::floor<std::chrono::seconds>(std::chrono::steady_clock::now() - began);
    spdlog::info("opening the partitions: {} s so far", taken.count());
  }
  Result<broker::StartReport> report = started.get();
  if (!report) return Unexpected(report.error());
  start_report_ = std::move(*report);
  if (start_report_.topic_count == 0) {
    spdlog::info("no topics yet");
  } else {
    log_recovery(start_report_.recovery, earlier_stop);
  }
  return {};
}

Result<void> Server::open_listeners() {
  std::vector<std::future<Result<void>>> openings;
  for (const auto& shard : shards_) {
    const auto open = [&shard, this] { return shard->open_listener(address_); };
    openings.push_back(call_from_thread(shard->scheduler(), open));
  }
  return wait_for_all(std::move(openings));
}

std::string Server::banner() const {
  Address nearby = address_;
  if (nearby.is_wildcard()) nearby.host = "127.0.0.1";
  const std::string target = to_string(nearby);
  const std::string admin_line =
      admin_ ? fmt::format("admin: http://{} (/metrics, /livez, /readyz, /startupz)\n",
                           to_string(admin_->address()))
             : "";
  return fmt::format(
      "penstock {}\n"
      "data: {} ({} topics, {} partitions)\n"
      "io: {}\n"
      "shards: {}\n"
      "try: echo hello | kcat -P -b {} -t demo && kcat -C -b {} -t demo -e\n"
      "{}"
      "listening on {}\n",
      version(), config_.data_directory, start_report_.topic_count, start_report_.partition_count,
      io_summary_, shard_count_, target, target, admin_line, to_string(address_));
}

// --- Stopping ------------------------------------------------------------------------------------

Result<void> Server::stop() {
  const auto deadline = std::chrono::steady_clock::now() + config_.shutdown_grace + kHandlersEndTime;
  auto closing_admin = start_closing_admin_port();
  if (closing_admin.valid() && closing_admin.wait_until(deadline) != std::future_status::ready) {
    return fail(ErrorCode::kTimeout,
                "a request to the admin port is still being handled; the next start will recover");
  }
  end_admin_port();
  for (auto& closing : close_connections(config_.shutdown_grace)) {
    if (closing.wait_until(deadline) == std::future_status::ready) continue;
    return fail(
        ErrorCode::kTimeout,
        "requests are still being handled after server.shutdown_grace; the next start will recover");
  }
  Result<void> stopped = stop_storage();
  if (stopped) stopped = mark_clean();
  stop_threads();
  lock_.reset();
  return stopped;
}

std::vector<std::future<void>> Server::close_connections(Duration grace) {
  std::vector<std::future<void>> closings;
  closings.reserve(shards_.size());
  for (const auto& shard : shards_) {
    const auto close = [&shard, grace] { return shard->close_connections(grace); };
    closings.push_back(call_from_thread(shard->scheduler(), close));
  }
  return closings;
}

Result<void> Server::stop_storage() {
  Shard& first = *shards_.front();
  const auto stop_broker = [&first] { return first.broker().stop(); };
  Result<void> stopped = call_from_thread(first.scheduler(), stop_broker).get();
  std::vector<std::future<void>> closings;
  closings.reserve(shards_.size());
  for (const auto& shard : shards_) {
    closings.push_back(call_from_thread(shard->scheduler(), [&shard] { return shard->close_pool(); }));
  }
  for (auto& closing : closings) closing.get();
  return stopped;
}

Result<void> Server::mark_clean() {
  Shard& first = *shards_.front();
  const auto mark = [&first, this] {
    return write_clean_marker(first.disk(), config_.data_directory,
                              first.scheduler().clock().wall_ms());
  };
  const Result<void> marked = call_from_thread(first.scheduler(), mark).get();
  if (marked) return {};
  return Unexpected(
      marked.error().context("everything is durable; only the note of a clean stop is missing"));
}

void Server::stop_threads() {
  catalog_->finish();
  for (const auto& shard : shards_) shard->stop_thread();
  threads_running_ = false;
  catalog_.reset();  // lets go of its directory
}

}  // namespace penstock::server
