#include "bench/log_bench/raw_load.h"

#include <barrier>
#include <bit>
#include <filesystem>
#include <thread>
#include <vector>

#include "bench/latency.h"

namespace penstock::bench {

namespace {

constexpr std::uint64_t kCommitFileBytes = 64 * kMiB;

AlignedBuffer filled(std::size_t size_bytes) {
  AlignedBuffer buffer(size_bytes);
  std::memset(buffer.data(), 0x5A, buffer.capacity());
  return buffer;
}

double per_second(std::uint64_t count, std::chrono::nanoseconds took) {
  return static_cast<double>(count) / std::chrono::duration<double>(took).count();
}

}  // namespace

RawCommits::RawCommits(const std::string& path)
    : file_(path, O_CREAT | O_RDWR | O_DIRECT), block_(filled(kBlockBytes)) {
  file_.prewrite(kCommitFileBytes);
}

void RawCommits::commit() {
  file_.write(block_.view(), position_, RWF_DSYNC);
  position_ = (position_ + kBlockBytes) % kCommitFileBytes;
}

RawRingLoad::RawRingLoad(const std::string& directory, Shape shape)
    : shape_(shape),
      ring_(static_cast<unsigned>(std::bit_ceil(shape.file_count * shape.depth))),
      positions_(shape.file_count),
      data_(filled(shape.write_bytes)) {
  std::filesystem::create_directories(directory);
  for (std::size_t i = 0; i < shape.file_count; ++i) {
    RawFile& file =
        files_.emplace_back(fmt::format("{}/{}", directory, i), O_CREAT | O_RDWR | O_DIRECT);
    if (shape.grows) {
      file.reserve(0, shape.file_bytes);
    } else {
      file.prewrite(shape.file_bytes);
    }
  }
}

void RawRingLoad::start(std::size_t slot, int flags) {
  const std::size_t file = slot % shape_.file_count;
  ring_.write(files_[file].fd(), positions_[file], data_.view().first(shape_.write_bytes), flags, slot);
  move_on(file);
}

void RawRingLoad::move_on(std::size_t file) {
  positions_[file] += shape_.write_bytes;
  if (positions_[file] % shape_.file_bytes != 0) return;
  if (shape_.grows) {
    files_[file].reserve(positions_[file], shape_.file_bytes);
  } else {
    positions_[file] = 0;
  }
}

double RawRingLoad::run(std::chrono::nanoseconds time, int flags) {
  const Stopwatch stopwatch;
  std::size_t in_flight = shape_.file_count * shape_.depth;
  for (std::size_t slot = 0; slot < in_flight; ++slot) start(slot, flags);
  std::uint64_t done = 0;
  while (in_flight > 0) {
    ring_.submit_and_wait(1);
    const bool goes_on = stopwatch.elapsed() < time;
    while (ring_.has_completion()) {
      const std::uint64_t slot = ring_.reap(shape_.write_bytes);
      ++done;
      if (goes_on) {
        start(slot, flags);
      } else {
        --in_flight;
      }
    }
  }
  return per_second(done, stopwatch.elapsed());
}

RawAppends::RawAppends(const std::string& directory, std::size_t file_count) : positions_(file_count) {
  std::filesystem::create_directories(directory);
  for (std::size_t i = 0; i < file_count; ++i) {
    files_.emplace_back(fmt::format("{}/{}", directory, i), O_CREAT | O_RDWR | O_DIRECT | O_DSYNC);
  }
}

double RawAppends::run(std::chrono::nanoseconds time) {
  const AlignedBuffer block = filled(kBlockBytes);
  std::atomic<std::uint64_t> done{0};
  std::vector<std::jthread> threads;
  // With the one who measures: the time begins when all threads are there.
  std::barrier start(static_cast<std::ptrdiff_t>(files_.size()) + 1);
  std::atomic<bool> must_end{false};
  for (std::size_t i = 0; i < files_.size(); ++i) {
    threads.emplace_back([&, i] {
      start.arrive_and_wait();
      while (!must_end.load(std::memory_order_relaxed)) {
        files_[i].write(block.view(), positions_[i], 0);
        positions_[i] += kBlockBytes;
        done.fetch_add(1, std::memory_order_relaxed);
      }
    });
  }
  start.arrive_and_wait();
  const Stopwatch stopwatch;
  std::this_thread::sleep_for(time);
  must_end = true;
  threads.clear();
  return per_second(done, stopwatch.elapsed());
}

}  // namespace penstock::bench
