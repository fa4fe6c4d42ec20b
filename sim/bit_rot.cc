// Every single bit of a sealed segment of 64 KiB, turned over: found by readers, by scrubbing, and by a
// recovery that has lost the index.
//
// A bit of an entry must be found each time, and costs exactly that entry. Any other bit (padding, one
// of the two headers) says nothing, and must cost nothing.

#include <fmt/format.h>

#include <optional>

#include "log/testing/batches.h"
#include "sim/campaigns.h"
#include "sim/shard.h"
#include "task/sync.h"

namespace penstock::sim {

namespace {

constexpr std::uint64_t kSegmentBytes = 64 * kKiB;
constexpr std::uint64_t kBytesPerCase = 64;
constexpr std::uint64_t kCases = kSegmentBytes / kBytesPerCase;
// Odd, so that consecutive cases visit all places, and a short run visits every part of the segment.
constexpr std::uint64_t kStride = 389;

// One commit each; together the segment to its last byte.
constexpr std::uint64_t kPayloadBytes[] = {
    100, 5000, 300, 12'000, 9000, 4 * kBlockBytes - log::kEntryHeaderBytes - log::kBatchHeaderBytes,
};
constexpr std::size_t kBatches = std::size(kPayloadBytes);

std::vector<std::byte> batch_of(std::size_t i) {
  return log::testing::make_batch(1 + i, {.payload_bytes = kPayloadBytes[i]});
}

struct Range {
  std::uint64_t begin;
  std::uint64_t end;
};

// The partition, and where its entries lie.
class Rotting {
 public:
  Rotting() {
    std::uint64_t at = log::kFirstCommit.value;
    for (const std::uint64_t payload_bytes : kPayloadBytes) {
      const std::uint64_t end = at + log::kEntryHeaderBytes + log::kBatchHeaderBytes + payload_bytes;
      entries_.push_back({at, end});
      at = align_up(end, kBlockBytes);
    }
    PENSTOCK_ASSERT(at == kSegmentBytes, "the batches fill the segment");
    storage_.make_directories(kDirectory);
    CaseResult result;
    machine(storage_, result, [](Machine& machine) { return fill(machine); });
    PENSTOCK_ASSERT(storage_.contents(path()).size() == kSegmentBytes, "the first segment is sealed");
    without_index_ = storage_.clone();
    PENSTOCK_ASSERT(without_index_->remove(index_path()), "it has an index");
    PENSTOCK_ASSERT(without_index_->sync_directory(kDirectory, without_index_->sequence()), "removed");
  }

  // The entry that the byte belongs to.
  std::optional<std::size_t> entry_at(std::uint64_t byte) const {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (byte >= entries_[i].begin && byte < entries_[i].end) return i;
    }
    return std::nullopt;
  }

  void turn_over(std::uint64_t byte, unsigned bit, bool has_index, CaseResult& result) const {
    const auto storage = (has_index ? storage_ : *without_index_).clone();
    storage->flip_bit(path(), FilePosition{byte}, bit);
    const auto entry = entry_at(byte);
    machine(*storage, result,
            [&](Machine& machine) { return check(machine, entry, has_index, result); });
  }

 private:
  static constexpr const char* kDirectory = "/data/topics/rot/0";

  struct Machine : log::testing::LogShard {
    using LogShard::LogShard;
    std::unique_ptr<log::Partition> partition;
  };

  static std::string path() { return fmt::format("{}/{}", kDirectory, log::segment_file_name(1)); }
  static std::string index_path() { return fmt::format("{}/{}", kDirectory, log::index_file_name(1)); }

  template <typename Body>
  static void machine(SimStorage& storage, CaseResult& result, const Body& body) {
    log::testing::LogShardOptions options;
    options.pool.smallest_bytes = kSegmentBytes;
    Machine machine(storage, options);
    machine.scheduler.run(run(machine, result, body));
    result.fold(machine.disk.trace_hash());
  }

  template <typename Body>
  static Task<void> run(Machine& machine, CaseResult& result, const Body& body) {
    auto started = co_await machine.start_pool();
    PENSTOCK_ASSERT(started, "the pool starts");
    log::PartitionId id;
    id.topic_name = "rot";
    log::PartitionOptions options;
    options.segment_bytes = kSegmentBytes;
    options.tail_bytes = 0;
    auto opened = co_await log::Partition::open(machine.context(), kDirectory, id, options);
    if (opened) {
      machine.partition = std::move(*opened);
      co_await body(machine);
      auto closed = co_await machine.partition->close();
      if (!closed) result.verdict.fail("closing: " + closed.error().message());
    } else {
      result.verdict.fail("opening: " + opened.error().message());
    }
    co_await machine.stop_pool();
  }

  // The segment, and one batch more: it testifies for all before it.
  static Task<void> fill(Machine& machine) {
    for (std::size_t i = 0; i <= kBatches; ++i) {
      const auto batch = i < kBatches ? batch_of(i) : log::testing::make_batch(99);
      auto ticket = co_await machine.partition->append(batch, 0);
      PENSTOCK_ASSERT(ticket, "it fits");
      auto durable = co_await machine.partition->wait_acknowledged(std::move(*ticket));
      PENSTOCK_ASSERT(durable, "a healthy device");
    }
  }

  static Task<void> check(Machine& machine, std::optional<std::size_t> lost, bool has_index,
                          CaseResult& result) {
    log::Partition& partition = *machine.partition;
    Verdict& verdict = result.verdict;
    const std::vector<std::string>& findings = partition.recovery_report().findings;
    if (!has_index && findings.empty() == lost.has_value()) {
      verdict.fail(fmt::format("recovery reports {} findings", findings.size()));
    }
    if (partition.marks().log_start != Offset{0} ||
        partition.marks().high_watermark < Offset{kBatches}) {
      verdict.fail(fmt::format("the log is {} to {}", partition.marks().log_start,
                               partition.marks().high_watermark));
      co_return;
    }
    for (std::size_t i = 0; i < kBatches; ++i) {
      const Offset offset{static_cast<std::int64_t>(i)};
      const log::ReadLimits one{.max_bytes = 1};
      auto found = co_await partition.read(offset, one);
      const bool is_lost = lost == i;
      if (!found && !(is_lost && found.error().code() == ErrorCode::kCorrupt)) {
        verdict.fail(fmt::format("offset {}: {}", offset, found.error().message()));
      }
      if (found && is_lost) verdict.fail(fmt::format("offset {} is damaged, and was served", offset));
      if (!found || is_lost) continue;
      auto expected = batch_of(i);
      log::stamp_batch(expected, offset, 0);
      if (found->batches.empty() || !std::ranges::equal(found->batches.front().view(), expected)) {
        verdict.fail(fmt::format("wrong bytes were served at offset {}", offset));
      }
    }
    constexpr std::uint64_t kUnlimited = kGiB;
    auto scrubbed = co_await partition.scrub(kUnlimited);
    if (!scrubbed) {
      verdict.fail("scrubbing: " + scrubbed.error().message());
    } else if (has_index && (scrubbed->finding_count > 0) != lost.has_value()) {
      verdict.fail(fmt::format("scrubbing has {} findings", scrubbed->finding_count));
    }
  }

  SimStorage storage_;
  std::unique_ptr<SimStorage> without_index_;
  std::vector<Range> entries_;
};

class BitRotCampaign final : public Campaign {
 public:
  std::string_view name() const override { return "bit-rot"; }
  std::string_view summary() const override {
    return "every bit of a sealed segment of 64 KiB, 512 flips per case";
  }
  std::uint64_t full_cases() const override { return kCases; }
  std::uint64_t test_cases() const override { return 16; }
  std::vector<std::string_view> must_meet() const override {
    return {"bits of entries", "bits that say nothing"};
  }
  void run_case(std::uint64_t number, const CaseOptions& options, CaseResult& result) override {
    static const Rotting kRotting;
    const std::uint64_t first = number * kStride % kCases * kBytesPerCase;
    for (std::uint64_t point = 0; point < kBytesPerCase * 8; ++point) {
      if (options.point && *options.point != point) continue;
      result.point = point;
      const std::uint64_t byte = first + point / 8;
      const bool is_entry = kRotting.entry_at(byte).has_value();
      result.counts.add(is_entry ? "bits of entries" : "bits that say nothing");
      for (const bool has_index : {true, false}) {
        kRotting.turn_over(byte, static_cast<unsigned>(point % 8), has_index, result);
        result.verdict.add_context(fmt::format("bit {} of byte {}, {} index", point % 8, byte,
                                               has_index ? "with an" : "without an"));
        if (result.verdict.has_failed()) return;
      }
    }
    result.point.reset();
  }
};

}  // namespace

Campaign& bit_rot() {
  static BitRotCampaign campaign;
  return campaign;
}

}  // namespace penstock::sim
