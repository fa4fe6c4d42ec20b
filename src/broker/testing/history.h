// History: what clients of a broker did and were told, from the first message to the last reading of
// the logs, in the form that check_history() judges.
//
// Simulated clients and real ones record the same things: messages that were sent and where they were
// acknowledged, transactions and what became of them, what consumers read in one go, and the offsets of
// groups. Time is a counter of the recorder: of two calls where one has ended before the other begins,
// the first one's `ended` is smaller than the second one's `began`. The calls may have overlapped else.
//
// Threading: plain values.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace penstock::broker::testing::history {

// A message, whatever its bytes are. The numbers of a producer rise in the order in which it sends.
struct Name {
  std::uint32_t producer = 0;
  std::uint64_t number = 0;
  auto operator<=>(const Name&) const = default;
};

struct Partition {
  std::uint32_t topic = 0;
  std::int32_t index = 0;
  auto operator<=>(const Partition&) const = default;
};

struct Place {
  Partition partition;
  std::int64_t offset = 0;
  auto operator<=>(const Place&) const = default;
};

// The acknowledgement of a message that was a repetition may not say where the first one went.
inline constexpr std::int64_t kSomewhere = -1;

struct Write {
  Partition partition;
  std::optional<std::uint64_t> transaction{};  // its number
  std::optional<std::int64_t> offset{};        // where it was acknowledged
  // The message that this one was made of, by a group that reads, writes and commits its offsets in one
  // transaction.
  std::optional<Place> source{};
};

// What the producer of a transaction was told.
enum class Fate {
  kOpen,       // a commit was never asked for: whatever happens, nothing of it may be seen
  kAborted,    // nothing of it may be seen
  kUnknown,    // a commit was asked for and not answered: all of it or nothing
  kCommitted,  // all of it is seen
};

struct Transaction {
  Fate fate = Fate::kOpen;
  // Two answers that exclude each other, such as a commit after another producer had fenced this one.
  bool is_contradictory = false;
  std::uint64_t ended = 0;  // when its fate was told
};

enum class Isolation { kAll, kCommitted };

struct Entry {
  std::int64_t offset = 0;
  std::optional<Name> message{};  // nothing: bytes that nobody sent
  bool operator==(const Entry&) const = default;
};

// What one consumer read of one partition, without a seek and without losing the partition in between.
struct Reading {
  std::string reader;
  std::string group;  // empty: of none
  Isolation isolation = Isolation::kAll;
  Partition partition;
  std::vector<Entry> entries;
};

// An offset that a group asked the broker to keep.
struct OffsetCommit {
  std::string group;
  Partition partition;
  std::int64_t offset = 0;
  std::uint64_t began = 0;
  std::uint64_t ended = 0;
  bool is_answered = false;  // and kept; else it may have been, if no transaction says otherwise
  std::optional<std::uint64_t> transaction{};
};

// The broker's answer to which offset it keeps.
struct OffsetSight {
  std::string group;
  Partition partition;
  std::int64_t offset = 0;
  std::uint64_t began = 0;
  std::uint64_t ended = 0;
};

// A partition, read from its beginning to its end when the history was over, or while nobody worked.
struct Log {
  std::vector<Entry> all;
  std::vector<Entry> committed;
  std::int64_t stable_end = 0;  // what lies behind is held up by an open transaction
  std::int64_t end = 0;
};

struct History {
  std::map<Name, Write> writes;
  std::map<std::uint64_t, Transaction> transactions;
  std::vector<Reading> readings;
  std::vector<OffsetCommit> commits;
  std::vector<OffsetSight> sights;
  std::map<Partition, Log> logs;
  // The group that reads messages and commits its offsets in the transactions of those that it writes
  // of them; empty: there is none.
  std::string pipeline;
  // Errors that no client should ever be given, such as an idempotent producer that is told that it has
  // left messages out.
  std::vector<std::string> complaints;
  bool is_over = true;  // no transaction may still hold anything up
};

}  // namespace penstock::broker::testing::history
