// For tests of SimDisk: one call at a time, and what is on the storage afterwards.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "disk/sim_disk.h"

namespace penstock {

// Enough that what happens once in a thousand power cuts happens.
inline constexpr std::uint64_t kSeeds = 4000;
inline constexpr std::uint64_t kFewSeeds = 200;

inline constexpr OpenOptions kCreate{.write = true, .create = true, .exclusive = true};
inline constexpr OpenOptions kRead{};
inline constexpr OpenOptions kWrite{.write = true};

// Whole blocks of one letter.
inline SharedSlice blocks_of(char letter, std::size_t size_bytes = kBlockBytes) {
  AlignedBuffer buffer(size_bytes);
  std::memset(buffer.data(), letter, buffer.capacity());
  return std::move(buffer).freeze(size_bytes);
}

// A machine whose operations are called one at a time, and wait.
struct Machine : SimMachine {
  using SimMachine::SimMachine;

  std::unique_ptr<File> open(const std::string& path, OpenOptions options) {
    Result<std::unique_ptr<File>> file = scheduler.run(disk.open(path, options));
    EXPECT_TRUE(file.has_value()) << file.error().message();
    return std::move(*file);
  }
  // A new file whose name is durable.
  std::unique_ptr<File> create(const std::string& path) {
    std::unique_ptr<File> file = open(path, kCreate);
    ok(disk.sync_directory("/"));
    return file;
  }
  void write(File& file, std::uint64_t at, SharedSlice data,
             Durability durability = Durability::kNone) {
    ok(file.write(FilePosition{at}, std::move(data), durability));
  }
  std::string read(File& file, std::uint64_t at, std::size_t size_bytes) {
    Result<ReadResult> result =
        scheduler.run(file.read(FilePosition{at}, AlignedBuffer(size_bytes), size_bytes));
    EXPECT_TRUE(result.has_value()) << result.error().message();
    return std::string(as_text(result->buffer.view().first(result->size_bytes)));
  }
  void ok(Task<Result<void>> operation) {
    const Result<void> result = scheduler.run(std::move(operation));
    EXPECT_TRUE(result.has_value()) << result.error().message();
  }
  template <typename T>
  ErrorCode error(Task<Result<T>> operation) {
    const Result<T> result = scheduler.run(std::move(operation));
    EXPECT_FALSE(result.has_value());
    return result ? ErrorCode{} : result.error().code();
  }
  void sleep(Duration delay) {
    struct Body {
      static Task<void> sleep(Scheduler& scheduler, Duration delay) {
        co_await scheduler.sleep_for(delay);
      }
    };
    scheduler.run(Body::sleep(scheduler, delay));
  }
};

inline std::string text_of(const SimStorage& storage, const std::string& path) {
  const std::vector<std::byte> bytes = storage.contents(path);
  return std::string(as_text(bytes));
}

// The first letter of each sector; '0' for zeros.
inline std::string sectors_of(const SimStorage& storage, const std::string& path) {
  const std::string text = text_of(storage, path);
  std::string letters;
  for (std::size_t at = 0; at < text.size(); at += kSectorBytes) {
    const std::string sector = text.substr(at, kSectorBytes);
    EXPECT_EQ(sector, std::string(sector.size(), sector[0]))
        << "a sector is written whole or not at all";
    letters += sector[0] == '\0' ? '0' : sector[0];
  }
  return letters;
}

// Starts an operation and leaves it in flight.
inline Task<void> run_in_background(Task<Result<void>> operation, std::optional<Result<void>>& result) {
  result = co_await operation;
}

}  // namespace penstock
