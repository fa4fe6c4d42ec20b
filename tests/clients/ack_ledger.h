// What producers saw acknowledged, and whether a log read back keeps it.
//
// A producer's message is a function of (producer, sequence, size): a 16-byte head that names them, and
// filler from a fixed pseudo-random pool, so a reader can tell any change without the sender's help.
// The Python producer makes the same bytes (ack_messages.py).
//
// Every producer sends each sequence once and never retries. So in a correct log every message occurs
// at most once, the messages of one producer are in order within a partition, and an acknowledged one
// stands at the offset that its acknowledgement named.
//
// Threading: plain values, one thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace penstock::tests {

inline constexpr std::size_t kMessageHeadBytes = 16;
inline constexpr std::size_t kMaxMessageBytes = 1 << 17;

struct MessageId {
  std::uint32_t producer = 0;
  std::uint64_t sequence = 0;
  std::uint32_t size_bytes = 0;

  auto operator<=>(const MessageId&) const = default;
};

// The message's bytes: at least kMessageHeadBytes, at most kMaxMessageBytes.
std::vector<char> make_message(const MessageId& id);

// The message that these bytes are, if they are a whole and unchanged one.
std::optional<MessageId> identify_message(std::span<const char> message);

// The size that `producer` gives to message `sequence`: mostly small, sometimes up to `max_bytes`.
std::uint32_t message_size(std::uint32_t producer, std::uint64_t sequence, std::uint32_t min_bytes,
                           std::uint32_t max_bytes);

struct Ack {
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  MessageId message;
};

// Reads an acknowledgement file: a line "producer ID", then one line per acknowledged message,
// "partition offset sequence size". A last line without its newline is left out: its writer was stopped
// in it.
std::vector<Ack> read_acks(const std::string& path);

// Checks one topic. Give it all acknowledgements, then every message of the log, partition by partition
// or mixed, each partition in the order in which it is read; then finish().
class LogChecker {
 public:
  explicit LogChecker(std::span<const Ack> acks);

  void see(std::int32_t partition, std::int64_t offset, std::span<const char> message);

  // `end_offsets`: what the server says is the end of each partition.
  void finish(const std::map<std::int32_t, std::int64_t>& end_offsets);

  // One sentence per violation: the first kMaxFindings of them.
  const std::vector<std::string>& findings() const { return findings_; }
  std::uint64_t finding_count() const { return finding_count_; }

  std::uint64_t acknowledged_count() const { return acknowledged_count_; }
  std::uint64_t seen_count() const { return seen_count_; }
  std::uint64_t seen_bytes() const { return seen_bytes_; }

  static constexpr std::size_t kMaxFindings = 20;

 private:
  struct Partition {
    std::map<std::int64_t, MessageId> unseen_acks;
    std::map<std::uint32_t, std::uint64_t> last_sequence;  // of each producer
    std::int64_t next_offset = 0;
  };

  void add_finding(std::int32_t partition, std::int64_t offset, std::string_view what);

  std::map<std::int32_t, Partition> partitions_;
  std::map<std::uint32_t, std::unordered_set<std::uint64_t>>
      seen_messages_;  // sequences of each producer
  std::vector<std::string> findings_;
  std::uint64_t finding_count_ = 0;
  std::uint64_t acknowledged_count_ = 0;
  std::uint64_t seen_count_ = 0;
  std::uint64_t seen_bytes_ = 0;
};

}  // namespace penstock::tests
