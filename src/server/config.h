// Config: everything that an operator can decide, as values that have been checked.
//
// Every key stands once, in the table of config_keys.cc; reading a TOML file, the environment and
// flags, and the printed reference, all go by that table. A flag beats the environment, which beats the
// file, which beats the default; the defaults are the initialisers below.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "broker/settings.h"
#include "disk/disk_stack.h"
#include "log/catch_up.h"
#include "log/segment_pool.h"
#include "penstock/io_mode.h"
#include "task/clock.h"

namespace penstock::server {

struct Config {
  // Where clients connect. Port 0 takes any free one.
  std::string listen = "127.0.0.1:9092";
  // Where clients are told to connect; empty: the listening address.
  std::string advertised;
  // Where operators ask; kAdminOff: nowhere.
  static constexpr const char* kAdminOff = "off";
  std::string admin_listen = "127.0.0.1:9644";
  std::uint32_t lag_partitions = 1000;
  std::string data_directory = "data";
  // 0: one per core.
  std::uint32_t shards = 0;
  bool pin_shards = false;
  RequestedIoMode io = RequestedIoMode::kAuto;
  UringUse io_uring = UringUse::kAuto;
  std::string log_level = "info";

  // Of each shard.
  std::uint32_t max_connections = 4096;
  std::uint64_t inflight_bytes_per_shard = 256 * kMiB;
  // Of each connection.
  std::uint64_t max_request_bytes = 100 * kMiB;
  std::uint32_t max_requests_per_connection = 128;
  std::uint64_t inflight_bytes_per_connection = 32 * kMiB;
  std::uint64_t unsent_bytes_per_connection = 64 * kMiB;
  Duration idle_timeout = std::chrono::minutes(10);
  Duration keepalive_time = std::chrono::minutes(1);
  Duration shutdown_grace = std::chrono::seconds(10);

  broker::Settings broker;
  log::SegmentPoolOptions pool;
  log::CatchUpOptions catch_up{.cache_bytes = 64 * kMiB};
  std::uint64_t tail_bytes = 64 * kMiB;  // of each shard
};

// A value and where it came from, for messages: "--listen", "PENSTOCK_SERVER_LISTEN",
// "penstock.toml:3".
struct Setting {
  std::string key;  // "server.listen"
  std::string value;
  std::string origin;
};

struct ConfigSources {
  std::optional<std::string> file{};
  // "NAME=value" each; those that do not begin with PENSTOCK_ are passed over.
  std::vector<std::string> environment{};
  std::vector<Setting> flags{};
};

// The variables of this process, for ConfigSources::environment.
std::vector<std::string> process_environment();

// Errors: kInvalidArgument; the message has one line for each thing that is wrong, with its place and
// the nearest key that exists. kNotFound, kPermission and kIo when the file cannot be read.
Result<Config> load(const ConfigSources& sources);

// The whole configuration as a TOML file.
std::string show(const Config& config);

// Every key with its type, range, default, environment name and meaning, as Markdown.
std::string config_reference();

}  // namespace penstock::server
