// TailBuffer: the end of an append-only file, in memory, as the blocks that it will be on the device.
//
// It holds the bytes from a block boundary to the end of the file. Blocks with bytes that the device
// has not seen are dirty; the last of them is padded with zeros when it is written, and stays here, so
// that the next bytes continue in it. When the memory is full it is exchanged for another, which starts
// where it ended.
//
// Ownership: owns its memory; what dirty_blocks() gives away points into it, and must be done with
// before the next fill() or exchange(). Threading: a plain value. Durability: knows only what was
// written, not what is durable.
#pragma once

#include "base/aligned_buffer.h"
#include "base/units.h"

namespace penstock::file {

class TailBuffer {
 public:
  // The file ends at `end`, and all of it is on the device.
  TailBuffer(FilePosition end, AlignedBuffer memory);

  FilePosition start() const { return start_; }
  FilePosition end() const { return end_; }
  bool is_full() const { return end_ - start_ == memory_.capacity(); }
  bool is_dirty() const { return written_ < end_; }
  // The bytes [start(), end()).
  ByteView bytes() const { return memory_.view().first(end_ - start_); }

  // The first bytes of the tail block, which are on the device already. `bytes` reaches from start() to
  // end().
  void restore(ByteView bytes);

  // Takes as many of `bytes` as fit; returns how many.
  std::size_t fill(ByteView bytes);

  struct Blocks {
    FilePosition at;
    SharedSlice bytes;
  };
  // Whole blocks that cover everything dirty, padded with zeros.
  Blocks dirty_blocks();
  // Everything up to end() is on its way to the device, or there.
  void mark_written() { written_ = end_; }

  // Of a full one: the memory to use next, for the memory it had.
  AlignedBuffer exchange(AlignedBuffer next);
  // The same for a full one that is clean: the memory is used again.
  void advance();
  // The same for an empty one: `size_bytes`, whole blocks, were written past it.
  void skip(std::uint64_t size_bytes);

 private:
  AlignedBuffer memory_;
  FilePosition start_;
  FilePosition end_;
  FilePosition written_;  // everything before it was handed to the device
};

}  // namespace penstock::file
