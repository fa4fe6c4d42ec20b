#include "cli/log_dump.h"

#include <nlohmann/json.hpp>

#include "cli/stored_segment.h"
#include "cli/text.h"
#include "kafka/record.h"
#include "kafka/record_batch.h"

namespace penstock::cli {

namespace {

using Json = nlohmann::ordered_json;

// Of a key or value, in text; JSON has all of it.
constexpr std::size_t kShownBytes = 80;

// How the things that a dump meets are shown.
class DumpWriter {
 public:
  virtual ~DumpWriter() = default;
  virtual void partition(const StoredPartition& partition) = 0;
  virtual void segment(const StoredPartition& partition, const StoredSegment& segment) = 0;
  virtual void entry(const log::Entry& entry, const kafka::RecordBatchView& batch) = 0;
  virtual void record(const kafka::RecordView& record) = 0;
  // Records that cannot be shown.
  virtual void no_records(const Error& why) = 0;
  virtual void gap(const EntryWalk::Gap& gap) = 0;
};

class TextWriter final : public DumpWriter {
 public:
  explicit TextWriter(Console& console) : console_(console) {}

  void partition(const StoredPartition& partition) override {
    console_.print("{}  {}\n", partition.name(), partition.directory);
  }

  void segment(const StoredPartition&, const StoredSegment& segment) override {
    console_.print("  segment {}, {}, {}", segment.number, human_bytes(segment.size_bytes),
                   state_of(segment));
    if (segment.header) console_.print(", made {}", utc_time(segment.header->created_ms));
    console_.print("\n");
  }

  void entry(const log::Entry& entry, const kafka::RecordBatchView& batch) override {
    console_.print("    byte {:<10} offsets {} to {}, {}, {}, {}, {}, commit {}, durable below {}{}\n",
                   entry.position, batch.base_offset(), batch.last_offset(),
                   count_of(static_cast<std::uint64_t>(batch.record_count()), "record"),
                   human_bytes(batch.size()), kafka::to_string(batch.compression()),
                   utc_time(batch.max_timestamp_ms()), entry.header.commit_sequence,
                   entry.header.durable_end, extras_of(batch));
  }

  void record(const kafka::RecordView& record) override {
    console_.print("      offset {}, {}, key {}, value {}", record.offset,
                   utc_time(record.timestamp_ms), text_of(record.key), text_of(record.value));
    for (const kafka::RecordHeaderView& header : record.headers()) {
      console_.print(", {}: {}", printable(header.key, kShownBytes), text_of(header.value));
    }
    console_.print("\n");
  }

  void no_records(const Error& why) override {
    console_.print("      records not shown: {}\n", why.message());
  }

  void gap(const EntryWalk::Gap& gap) override {
    console_.print("    byte {:<10} {}, up to byte {}\n", gap.from, gap.found, gap.to.value - 1);
  }

 private:
  static std::string state_of(const StoredSegment& segment) {
    if (!segment.salt()) return "no intact header: its entries cannot be read";
    if (!segment.is_sealed()) return "not sealed";
    return fmt::format("sealed, offsets {} to {}", segment.index->base_offset,
                       segment.index->next_offset + -1);
  }
  static std::string text_of(const std::optional<ByteView>& bytes) {
    return bytes ? fmt::format("\"{}\"", printable(*bytes, kShownBytes)) : "null";
  }
  static std::string extras_of(const kafka::RecordBatchView& batch) {
    std::string extras;
    if (batch.is_idempotent())
      extras += fmt::format(", producer {}/{}", batch.producer_id(), batch.producer_epoch());
    if (batch.is_transactional()) extras += ", transactional";
    if (batch.is_control()) extras += ", control";
    return extras;
  }

  Console& console_;
};

class JsonWriter final : public DumpWriter {
 public:
  explicit JsonWriter(Console& console) : console_(console) {}

  void partition(const StoredPartition&) override {}

  void segment(const StoredPartition& partition, const StoredSegment& segment) override {
    Json json = {{"type", "segment"},
                 {"topic", partition.topic},
                 {"partition", partition.index},
                 {"number", segment.number},
                 {"file", segment.path},
                 {"size_bytes", segment.size_bytes},
                 {"sealed", segment.is_sealed()}};
    if (segment.header) {
      json["topic_id"] = to_hex(segment.header->topic_id);
      json["salt"] = fmt::format("{:016x}", segment.header->salt);
      json["created_ms"] = segment.header->created_ms;
    }
    if (segment.index) {
      json["first_offset"] = segment.index->base_offset.value;
      json["last_offset"] = segment.index->next_offset.value - 1;
    }
    write(json);
  }

  void entry(const log::Entry& entry, const kafka::RecordBatchView& batch) override {
    write({{"type", "entry"},
           {"byte", entry.position.value},
           {"first_offset", batch.base_offset().value},
           {"last_offset", batch.last_offset().value},
           {"records", batch.record_count()},
           {"batch_bytes", batch.size()},
           {"compression", kafka::to_string(batch.compression())},
           {"base_timestamp_ms", batch.base_timestamp_ms()},
           {"max_timestamp_ms", batch.max_timestamp_ms()},
           {"leader_epoch", batch.leader_epoch()},
           {"producer_id", batch.producer_id()},
           {"transactional", batch.is_transactional()},
           {"control", batch.is_control()},
           {"commit", entry.header.commit_sequence},
           {"durable_end", entry.header.durable_end.value}});
  }

  void record(const kafka::RecordView& record) override {
    Json json = {
        {"type", "record"}, {"offset", record.offset.value}, {"timestamp_ms", record.timestamp_ms}};
    add_bytes(json, "key", record.key);
    add_bytes(json, "value", record.value);
    Json headers = Json::array();
    for (const kafka::RecordHeaderView& header : record.headers()) {
      Json pair = Json::object();
      add_bytes(pair, "key", header.key);
      add_bytes(pair, "value", header.value);
      headers.push_back(std::move(pair));
    }
    if (!headers.empty()) json["headers"] = std::move(headers);
    write(json);
  }

  void no_records(const Error& why) override {
    write({{"type", "no_records"}, {"why", why.message()}});
  }

  void gap(const EntryWalk::Gap& gap) override {
    write({{"type", "gap"},
           {"from_byte", gap.from.value},
           {"to_byte", gap.to.value - 1},
           {"found", gap.found}});
  }

 private:
  // "name" when the bytes are text, else "name_hex"; null stays null.
  static void add_bytes(Json& json, const std::string& name, const std::optional<ByteView>& bytes) {
    if (!bytes) {
      json[name] = nullptr;
      return;
    }
    Json text = std::string(as_text(*bytes));
    if (is_utf8(text)) {
      json[name] = std::move(text);
    } else {
      json[name + "_hex"] = to_hex(*bytes);
    }
  }
  static bool is_utf8(const Json& text) {
    // Bytes that are not UTF-8 are left out, so the text is then shorter than it should be.
    const std::string kept = text.dump(-1, ' ', false, Json::error_handler_t::ignore);
    return Json::parse(kept, nullptr, /*allow_exceptions=*/false) == text;
  }

  void write(const Json& json) { console_.print("{}\n", json.dump()); }

  Console& console_;
};

class Dump {
 public:
  Dump(OfflineDisk& disk, const DumpOptions& options, DumpWriter& writer)
      : disk_(disk), options_(options), writer_(writer), left_(options.limit) {}

  Result<void> run(const StoredLog& log) {
    for (const StoredPartition& partition : log.partitions) {
      if (left_ == 0) break;
      writer_.partition(partition);
      for (const std::uint64_t number : partition.segments) {
        if (left_ == 0) break;
        if (auto shown = show_segment(partition, number); !shown) return shown;
      }
    }
    return {};
  }

 private:
  Result<void> show_segment(const StoredPartition& partition, std::uint64_t number) {
    Result<StoredSegment> segment = open_stored_segment(disk_, partition.directory, number);
    if (!segment) return Unexpected(segment.error());
    writer_.segment(partition, *segment);
    if (!segment->salt()) return {};
    EntryWalk walk(disk_, *segment, EntryWalk::Start{});
    while (left_ > 0) {
      const auto step = walk.next();
      if (!step) return Unexpected(step.error());
      if (std::holds_alternative<EntryWalk::End>(*step)) return {};
      if (const auto* gap = std::get_if<EntryWalk::Gap>(&*step)) writer_.gap(*gap);
      if (const auto* entry = std::get_if<log::Entry>(&*step)) show_entry(*entry);
    }
    return {};
  }

  void show_entry(const log::Entry& entry) {
    const auto batch = kafka::RecordBatchView::parse(entry.batch.view());
    PENSTOCK_ASSERT(batch.has_value(), "the scanner returns whole batches only");
    writer_.entry(entry, *batch);
    if (!options_.records) {
      --left_;
      return;
    }
    kafka::RecordReader reader(*batch);
    while (left_ > 0) {
      const auto record = reader.next();
      if (!record) writer_.no_records(record.error());
      if (!record || !*record) return;
      writer_.record(**record);
      --left_;
    }
  }

  OfflineDisk& disk_;
  DumpOptions options_;
  DumpWriter& writer_;
  std::uint64_t left_;
};

}  // namespace

Result<void> dump_log(OfflineDisk& disk, const StoredLog& log, const DumpOptions& options,
                      Console& console) {
  TextWriter text(console);
  JsonWriter json(console);
  DumpWriter& writer = options.json ? static_cast<DumpWriter&>(json) : text;
  return Dump(disk, options, writer).run(log);
}

}  // namespace penstock::cli
