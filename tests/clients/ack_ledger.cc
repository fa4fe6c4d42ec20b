#include "ack_ledger.h"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <utility>

namespace penstock::tests {
namespace {

constexpr std::size_t kPoolBytes = 1 << 18;
static_assert(kPoolBytes > kMaxMessageBytes);

// Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014).
std::uint64_t splitmix64(std::uint64_t value) {
  value += 0x9E3779B97F4A7C15U;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9U;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBU;
  return value ^ (value >> 31);
}

const std::vector<char>& pool() {
  static const std::vector<char> bytes = [] {
    std::vector<char> filled(kPoolBytes);
    for (std::size_t at = 0; at < kPoolBytes; at += sizeof(std::uint64_t)) {
      const std::uint64_t word = splitmix64(at);
      std::memcpy(&filled[at], &word, sizeof(word));
    }
    return filled;
  }();
  return bytes;
}

std::uint64_t mix(std::uint32_t producer, std::uint64_t sequence) {
  return splitmix64((static_cast<std::uint64_t>(producer) << 40) ^ sequence);
}

const char* filler(const MessageId& id) {
  return pool().data() + mix(id.producer, id.sequence) % (kPoolBytes - kMaxMessageBytes);
}

std::string describe(const MessageId& id) {
  return fmt::format("message {} of producer {} ({} bytes)", id.sequence, id.producer, id.size_bytes);
}

}  // namespace

std::optional<MessageId> identify_message(std::span<const char> message) {
  if (message.size() < kMessageHeadBytes || message.size() > kMaxMessageBytes) return std::nullopt;
  MessageId id;
  std::memcpy(&id.producer, message.data(), 4);
  std::memcpy(&id.sequence, message.data() + 4, 8);
  std::memcpy(&id.size_bytes, message.data() + 12, 4);
  if (id.size_bytes != message.size()) return std::nullopt;
  const std::span body = message.subspan(kMessageHeadBytes);
  if (!body.empty() && std::memcmp(body.data(), filler(id), body.size()) != 0) return std::nullopt;
  return id;
}

std::vector<char> make_message(const MessageId& id) {
  std::vector<char> message(id.size_bytes);
  std::memcpy(message.data(), &id.producer, 4);
  std::memcpy(message.data() + 4, &id.sequence, 8);
  std::memcpy(message.data() + 12, &id.size_bytes, 4);
  std::memcpy(message.data() + kMessageHeadBytes, filler(id), message.size() - kMessageHeadBytes);
  return message;
}

std::uint32_t message_size(std::uint32_t producer, std::uint64_t sequence, std::uint32_t min_bytes,
                           std::uint32_t max_bytes) {
  // A second, independent number: the first one places the filler.
  const std::uint64_t random = splitmix64(~mix(producer, sequence));
  constexpr std::uint32_t kSmallBytes = 1024;
  constexpr std::uint32_t kLargeOneIn = 100;
  const std::uint32_t top = random % kLargeOneIn == 0 ? max_bytes : std::min(max_bytes, kSmallBytes);
  if (top <= min_bytes) return min_bytes;
  return min_bytes + static_cast<std::uint32_t>((random >> 32) % (top - min_bytes + 1));
}

std::vector<Ack> read_acks(const std::string& path) {
  std::ifstream file(path);
  std::string word;
  Ack ack;
  if (!(file >> word >> ack.message.producer) || word != "producer") {
    throw std::runtime_error(fmt::format("{}: not an acknowledgement file", path));
  }
  std::string line;
  std::getline(file, line);
  std::vector<Ack> acks;
  while (std::getline(file, line)) {
    if (file.eof()) break;
    if (std::sscanf(line.c_str(), "%d %ld %lu %u", &ack.partition, &ack.offset, &ack.message.sequence,
                    &ack.message.size_bytes) != 4) {
      throw std::runtime_error(fmt::format("{}: bad line \"{}\"", path, line));
    }
    acks.push_back(ack);
  }
  return acks;
}

LogChecker::LogChecker(std::span<const Ack> acks) {
  for (const Ack& ack : acks) {
    ++acknowledged_count_;
    const auto [there, is_new] =
        partitions_[ack.partition].unseen_acks.try_emplace(ack.offset, ack.message);
    if (!is_new) {
      add_finding(ack.partition, ack.offset,
                  fmt::format("acknowledged twice, for {} and for {}", describe(there->second),
                              describe(ack.message)));
    }
  }
}

void LogChecker::see(std::int32_t partition_index, std::int64_t offset, std::span<const char> message) {
  Partition& partition = partitions_[partition_index];
  ++seen_count_;
  seen_bytes_ += message.size();
  if (offset != partition.next_offset) {
    add_finding(partition_index, offset, fmt::format("expected offset {} here", partition.next_offset));
  }
  partition.next_offset = offset + 1;

  const std::optional<MessageId> found = identify_message(message);
  const auto acked = partition.unseen_acks.find(offset);
  if (acked != partition.unseen_acks.end()) {
    if (found != acked->second) {
      add_finding(partition_index, offset,
                  fmt::format("{} was acknowledged here, but the log holds {}", describe(acked->second),
                              found ? describe(*found) : "changed bytes"));
    }
    partition.unseen_acks.erase(acked);
  } else if (!found) {
    add_finding(partition_index, offset, fmt::format("{} bytes that no producer sent", message.size()));
  }
  if (!found) return;

  if (!seen_messages_[found->producer].insert(found->sequence).second) {
    add_finding(partition_index, offset, fmt::format("{} is in the log twice", describe(*found)));
  }
  const auto [last, is_first] = partition.last_sequence.try_emplace(found->producer, found->sequence);
  if (!is_first && found->sequence <= last->second) {
    add_finding(partition_index, offset,
                fmt::format("{} stands after message {}", describe(*found), last->second));
  }
  last->second = found->sequence;
}

void LogChecker::finish(const std::map<std::int32_t, std::int64_t>& end_offsets) {
  for (const auto& [index, end_offset] : end_offsets) {
    if (partitions_[index].next_offset != end_offset) {
      add_finding(index, partitions_[index].next_offset,
                  fmt::format("read up to here, but the end is {}", end_offset));
    }
  }
  for (const auto& [index, partition] : partitions_) {
    for (const auto& [offset, message] : partition.unseen_acks) {
      add_finding(index, offset, fmt::format("{} was acknowledged and is missing", describe(message)));
    }
  }
}

void LogChecker::add_finding(std::int32_t partition, std::int64_t offset, std::string_view what) {
  ++finding_count_;
  if (findings_.size() < kMaxFindings) {
    findings_.push_back(fmt::format("partition {} offset {}: {}", partition, offset, what));
  }
}

}  // namespace penstock::tests
