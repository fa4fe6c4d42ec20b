// Bytes in RocksDB's log format, for tests: as its writer makes them (db/log_format.h).
#pragma once

#include <algorithm>
#include <string>

#include "base/crc32c.h"
#include "rocksdb/log_format.h"

namespace penstock::rocksdb {

class RecordLog {
 public:
  // Adds a record, in fragments where it crosses blocks.
  void add(std::string payload) {
    constexpr std::size_t kHeader = 7;
    bool is_first = true;
    while (true) {
      const std::size_t left = LogWalk::kLogBlockBytes - bytes_.size() % LogWalk::kLogBlockBytes;
      if (left < kHeader) {
        bytes_.append(left, '\0');
        continue;
      }
      const std::string part = payload.substr(0, std::min(payload.size(), left - kHeader));
      payload.erase(0, part.size());
      const bool is_last = payload.empty();
      const char type = is_first ? (is_last ? 1 : 2) : (is_last ? 4 : 3);
      fragment(type, part);
      is_first = false;
      if (is_last) return;
    }
  }

  const std::string& bytes() const { return bytes_; }

 private:
  void fragment(char type, const std::string& payload) {
    const std::string checked = std::string(1, type) + payload;
    const std::uint32_t crc = crc32c(as_bytes(checked));
    const std::uint32_t masked = std::rotr(crc, 15) + 0xa282ead8U;
    std::array<std::byte, 6> header;
    store_le<std::uint32_t>(header, 0, masked);
    store_le<std::uint16_t>(header, 4, static_cast<std::uint16_t>(payload.size()));
    bytes_.append(as_text(header)).append(checked);
  }

  std::string bytes_;
};

inline std::uint64_t end_of_log(const std::string& bytes) {
  LogWalk walk;
  std::size_t at = 0;
  while (at < bytes.size() &&
         walk.add(as_bytes(bytes).subspan(
             at, std::min<std::size_t>(bytes.size() - at, LogWalk::kLogBlockBytes)))) {
    at += LogWalk::kLogBlockBytes;
  }
  return walk.end().value;
}

}  // namespace penstock::rocksdb
