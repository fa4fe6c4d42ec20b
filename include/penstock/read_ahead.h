// ReadAhead: a way through a file, with the next windows already on their way.
//
//     penstock::ReadAhead scan(*file);
//     while (true) {
//       penstock::Result<std::span<const std::byte>> piece = scan.next();
//       if (!piece) return complain(piece.error().message());
//       if (piece->empty()) break;  // the end of the file
//       use(*piece);
//     }
//
// Past the page cache the kernel reads nothing ahead, so this does: windows of up to 2 MiB, two of them
// on their way while one is in use, dropped when they have been passed. It belongs to a reader, not to
// a file: two of them on one file do not disturb each other.
//
// Ownership: holds on to the file, which may be closed meanwhile; the Engine must outlive it. A span
// that it returned is valid until the next call of next() or read(), and as long as it lives.
//
// Threading: the Engine's thread. Durability: none of its business.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "penstock/export.h"
#include "penstock/read_file.h"
#include "penstock/result.h"

namespace penstock {

struct ReadAheadOptions {
  // Where next() begins.
  std::uint64_t from = 0;
  // Nothing at or behind this is read ahead or returned by next().
  std::uint64_t end = UINT64_MAX;
  // The largest window, in bytes: a multiple of 4096, 64 KiB to 64 MiB; other values are rounded into
  // that. Three of them are the memory that a scan takes.
  std::uint64_t window_bytes = std::uint64_t{2} << 20;
};

class PENSTOCK_API ReadAhead {
 public:
  explicit ReadAhead(const ReadFile& file, ReadAheadOptions options = {});
  ReadAhead(ReadAhead&&) noexcept;
  ReadAhead& operator=(ReadAhead&&) noexcept;
  ~ReadAhead();

  // The bytes at position(), which moves behind them: at least one and at most a window, without a
  // copy. Empty at the end. Errors: kIo; position() stays where it is, and the next call tries again.
  Result<std::span<const std::byte>> next();

  // The bytes [from, from + size_bytes), fewer where the file ends, and moves position() behind them;
  // for readers that know what they want. At most 64 MiB. Reading one after the other is read ahead,
  // jumping around is not. Errors: kTooLarge, kIo.
  Result<std::span<const std::byte>> read(std::uint64_t from, std::size_t size_bytes);

  // Where next() goes on.
  std::uint64_t position() const;
  void seek(std::uint64_t position);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace penstock
