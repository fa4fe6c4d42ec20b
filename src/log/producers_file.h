// ProducersFile: where a partition writes down what it knows of its producers, so that a start need not
// read the whole log for it.
//
// The file has two slots, which are written in turns over blocks that were written before, so that one
// that is torn leaves the one before it. A start takes the newest one and reads the log from its offset
// on. There is a file from before the first batch of a producer that numbers its batches; a partition
// without one has had none. docs/format.md is the specification.
//
// Ownership: the disk must outlive it. Threading: the partition's shard; one call at a time.
// Durability: durable on return.
#pragma once

#include <memory>
#include <string>

#include "disk/disk.h"
#include "log/format.h"
#include "log/producers.h"

namespace penstock::log {

inline constexpr std::string_view kProducersFile = "producers";

// One slot, without the zeros behind it.
std::vector<std::byte> encode_producers(const PartitionId& id, std::uint64_t number,
                                        const ProducersAt& known);
struct NumberedProducers {
  std::uint64_t number = 0;
  ProducersAt known;
};
// kCorrupt with the reason, also when it is another partition's.
Result<NumberedProducers> decode_producers(const PartitionId& id, ByteView slot);

class ProducersFile {
 public:
  ProducersFile(Disk& disk, std::string directory, PartitionId id)
      : disk_(disk), directory_(std::move(directory)), id_(std::move(id)) {}

  // What an earlier life wrote down; nothing when there is no file. kCorrupt: no slot can be read, and
  // only the whole log can tell.
  Task<Result<std::optional<ProducersAt>>> load();

  // Whether there is a file, as far as load() and save() have found.
  bool exists() const { return exists_; }
  // In a slot, or, where that has become too small, in a new file.
  Task<Result<void>> save(ProducersAt known);
  // What the last save() wrote; 0: none in this life.
  std::uint64_t saved_bytes() const { return saved_bytes_; }

 private:
  Task<Result<void>> replace(std::vector<std::byte> slot);

  Disk& disk_;
  std::string directory_;
  PartitionId id_;
  bool exists_ = false;
  std::unique_ptr<File> file_;
  std::uint64_t slot_bytes_ = 0;
  std::uint64_t number_ = 0;  // of the newest slot
  std::uint64_t saved_bytes_ = 0;
};

}  // namespace penstock::log
