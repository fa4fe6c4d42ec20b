// StoredBytes: a file whose bytes a test knows.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "base/random.h"
#include "disk/disk.h"
#include "task/scheduler.h"

namespace penstock::file {

class StoredBytes {
 public:
  StoredBytes(Scheduler& scheduler, Disk& disk, std::string path, std::size_t size_bytes,
              std::uint64_t seed = 1)
      : scheduler_(scheduler), disk_(disk), path_(std::move(path)), random_(seed) {
    resize(size_bytes);
  }

  const std::string& path() const { return path_; }
  std::size_t size() const { return bytes_.size(); }

  // What a read of [from, from + size_bytes) has to bring.
  ByteView expected(std::uint64_t from, std::size_t size_bytes) const {
    if (from >= bytes_.size()) return {};
    return ByteView(bytes_).subspan(from, std::min<std::uint64_t>(size_bytes, bytes_.size() - from));
  }
  bool matches(std::uint64_t from, std::size_t asked_bytes, ByteView got) const {
    const ByteView wanted = expected(from, asked_bytes);
    return got.size() == wanted.size() &&
           (got.empty() || std::memcmp(got.data(), wanted.data(), got.size()) == 0);
  }

  // The file gets longer by new bytes, or shorter.
  void resize(std::size_t size_bytes) {
    const std::size_t kept = std::min(size_bytes, bytes_.size());
    bytes_.resize(size_bytes);
    for (std::size_t i = kept; i < size_bytes; ++i) {
      bytes_[i] = static_cast<std::byte>(random_.below(256));
    }
    store();
  }

 private:
  void store() {
    const OpenOptions how{.write = true, .create = true};
    auto file = scheduler_.run(disk_.open(path_, how));
    ASSERT_TRUE(file) << file.error().message();
    if (!bytes_.empty()) {
      AlignedBuffer buffer(bytes_.size());
      std::memset(buffer.data(), 0xee, buffer.capacity());
      std::memcpy(buffer.data(), bytes_.data(), bytes_.size());
      const std::size_t length_bytes = buffer.capacity();
      SharedSlice data = std::move(buffer).freeze(length_bytes);
      ASSERT_TRUE(scheduler_.run((*file)->write(FilePosition{0}, data, Durability::kNone)));
    }
    ASSERT_TRUE(scheduler_.run((*file)->truncate(bytes_.size())));
  }

  Scheduler& scheduler_;
  Disk& disk_;
  std::string path_;
  Random random_;
  std::vector<std::byte> bytes_;
};

}  // namespace penstock::file
