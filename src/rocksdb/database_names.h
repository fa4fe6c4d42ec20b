// What the name of a file of a RocksDB database says about it, and the names of the files beside it.
//
// A log (NNNNNN.log, MANIFEST-NNNNNN) may be longer on the device than its data while it is open for
// writing. As long as that can be so there is a side file next to it, which stock RocksDB ignores: its
// presence after a crash means "look where the data ends". Beside the write-ahead log it also holds the
// bytes that were written and not synced (file/shared_arena.h).
//
// Threading: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::rocksdb {

inline constexpr std::string_view kSideSuffix = ".penstock";

enum class FileKind {
  kWriteAheadLog,  // records in RocksDB's log format
  kManifest,       // the same
  kTable,          // SST and blob files: nobody looks at one before it was synced
  kInfoLog,        // LOG, or NAME_LOG in a directory for several: text for people
  kOther,
};
// By the last part of `path`.
FileKind kind_of(std::string_view path);
inline bool is_log(FileKind kind) {
  return kind == FileKind::kWriteAheadLog || kind == FileKind::kManifest;
}
// Of a write-ahead log: 12 of 000012.log.
std::optional<std::uint64_t> number_of(std::string_view path);

inline std::string side_path(std::string_view path) { return std::string(path).append(kSideSuffix); }
inline bool is_side_file(std::string_view path) { return path.ends_with(kSideSuffix); }
// The log that a side file belongs to.
inline std::string_view owner_of(std::string_view side) {
  return side.substr(0, side.size() - kSideSuffix.size());
}

std::string directory_of(std::string_view path);
std::string_view name_of(std::string_view path);
// One spelling for a path, so that it can be a key: absolute, without "." and double slashes.
std::string normal_path(const std::string& path);

}  // namespace penstock::rocksdb
