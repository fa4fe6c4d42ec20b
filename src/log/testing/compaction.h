// Set-up for tests of compaction: logs that are largely padding, and what compact() makes of them.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "log/testing/log_machine.h"
#include "task/started.h"

namespace penstock::log::testing {

// Each comes alone, and takes a block. The smallest segment holds 6 of them, the next 14, then 30.
inline constexpr BatchShape kSmall{.payload_bytes = 100};
// Two thirds of a block, so that a segment of 30 has more than one commit when it is rewritten.
inline constexpr BatchShape kMedium{.payload_bytes = 2500};
inline constexpr std::uint64_t kUnpaced = kGiB;

inline LogMachineOptions from_the_device(std::uint64_t seed = 1) {
  LogMachineOptions options;
  options.disk.seed = seed;
  options.salt_seed = seed;
  options.partition.tail_bytes = 0;
  return options;
}

inline std::vector<std::uint64_t> seeds_from(std::uint64_t first, std::uint64_t end) {
  std::vector<std::uint64_t> seeds;
  for (; first < end; ++first) seeds.push_back(first);
  return seeds;
}

// One batch after the other, the seed of each its offset; what was rolled is sealed on return.
inline void fill_with_padding(LogMachine& machine, std::uint64_t first, std::uint64_t end,
                              BatchShape shape = kSmall) {
  for (; first < end; ++first)
    ASSERT_EQ(machine.append_ok(first, shape).value, static_cast<std::int64_t>(first));
  machine.sleep(std::chrono::seconds(1));
}

inline Result<CompactionReport> compact(LogMachine& machine, std::uint64_t rate = kUnpaced) {
  const CompactionOptions options{.bytes_per_second = rate};
  return machine.scheduler.run(machine.partition().compact(options));
}

using RunningCompaction = Started<Result<CompactionReport>>;

inline RunningCompaction start_compaction(LogMachine& machine) {
  const CompactionOptions options{.bytes_per_second = kUnpaced};
  return RunningCompaction(machine.partition().compact(options));
}

inline Task<Result<CompactionReport>> end_of(RunningCompaction& running) { co_return co_await running; }

// Goes on until the disk has made `steps` more steps since `from`, or the compaction has ended.
inline void advance(LogMachine& machine, const RunningCompaction& running, std::uint64_t from,
                    std::uint64_t steps) {
  while (!running.has_ended() && machine.disk.steps() < from + steps)
    machine.sleep(std::chrono::microseconds(5));
}

inline std::uint64_t file_bytes(LogMachine& machine, const std::string& path) {
  const auto info = machine.scheduler.run(machine.disk.info(path));
  return info ? info->size_bytes : 0;
}

// Nothing but segments, their indexes and the log's start.
inline void expect_no_leftovers(LogMachine& machine) {
  const auto names = machine.scheduler.run(machine.disk.list(kPartitionDirectory));
  ASSERT_TRUE(names);
  for (const std::string& name : *names) EXPECT_FALSE(name.ends_with(".tmp")) << name;
}

}  // namespace penstock::log::testing
