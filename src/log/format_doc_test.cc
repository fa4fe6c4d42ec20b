// docs/format.md says what the code does: its worked example is read from the document, parsed by the
// real code, and made again by it, byte for byte.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/crc32c.h"
#include "disk/sim_disk.h"
#include "log/commit.h"
#include "log/segment.h"

namespace penstock::log {
namespace {

constexpr std::uint64_t kExampleBytes = kFirstCommit.value + kBlockBytes;
constexpr std::size_t kBytesPerLine = 16;

// --- The document --------------------------------------------------------------------------------

std::string read_document() {
  const auto path = std::filesystem::path(PENSTOCK_DOCS_DIRECTORY) / "format.md";
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// What stands in the fenced block that begins with ```<name>.
std::string fenced(const std::string& name) {
  const std::string document = read_document();
  const std::string opening = "```" + name + "\n";
  const std::size_t start = document.find(opening);
  if (start == std::string::npos) {
    ADD_FAILURE() << "docs/format.md has no block ```" << name;
    return {};
  }
  const std::size_t from = start + opening.size();
  return document.substr(from, document.find("```", from) - from);
}

// "00002000  4e 50 ...": bytes that are not given are zeros.
std::vector<std::byte> parse_hex(const std::string& text, std::size_t size_bytes) {
  std::vector<std::byte> bytes(size_bytes);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::size_t at = 0;
    words >> std::hex >> at;
    for (unsigned value = 0; words >> std::hex >> value; ++at)
      bytes.at(at) = static_cast<std::byte>(value);
  }
  return bytes;
}

// The same form; lines of zeros are left out.
std::string to_hex(ByteView bytes) {
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += kBytesPerLine) {
    const ByteView line = bytes.subspan(at, std::min(kBytesPerLine, bytes.size() - at));
    if (std::ranges::count(line, std::byte{0}) == std::ssize(line)) continue;
    text += fmt::format("{:08x} ", at);
    for (std::size_t i = 0; i < line.size(); ++i) {
      text += fmt::format("{}{:02x}", i == kBytesPerLine / 2 ? "  " : " ",
                          std::to_integer<unsigned>(line[i]));
    }
    text += '\n';
  }
  return text;
}

// --- The example ---------------------------------------------------------------------------------

SegmentHeader example_header() {
  SegmentHeader header;
  for (std::size_t i = 0; i < header.topic_id.size(); ++i) {
    header.topic_id[i] = static_cast<std::byte>(0x10 * (i % 16) + i % 16);
  }
  header.partition = 2;
  header.number = 2;
  header.salt = 0x0807060504030201;
  header.created_ms = 1'700'000'000'000;
  return header;
}

// A record batch of one record whose value is `letter`.
std::vector<std::byte> example_batch(char letter, std::int64_t timestamp_ms) {
  // Length 7 (zigzag), attributes, time delta, offset delta, no key, a value of one byte, no headers.
  const std::vector<std::uint8_t> record = {14, 0, 0, 0, 1, 2, static_cast<std::uint8_t>(letter), 0};
  std::vector<std::byte> batch(kBatchHeaderBytes);
  for (const std::uint8_t byte : record) batch.push_back(static_cast<std::byte>(byte));
  store_be<std::int32_t>(batch, 8, static_cast<std::int32_t>(batch.size() - 12));
  batch[16] = std::byte{2};
  store_be<std::int64_t>(batch, 27, timestamp_ms);
  store_be<std::int64_t>(batch, 35, timestamp_ms);
  store_be<std::int64_t>(batch, 43, -1);  // producer id
  store_be<std::int16_t>(batch, 51, -1);  // producer epoch
  store_be<std::int32_t>(batch, 53, -1);  // base sequence
  store_be<std::int32_t>(batch, 57, 1);
  store_be<std::uint32_t>(batch, 17, crc32c(ByteView(batch).subspan(21)));
  return batch;
}

class FormatDocument : public ::testing::Test {
 protected:
  FormatDocument() : commit_(machine_.scheduler) {
    constexpr std::int32_t kLeaderEpoch = 4;
    Offset next{40};
    for (const char letter : {'a', 'b'}) {
      const auto batch = example_batch(letter, 1'700'000'000'005 + (letter - 'a'));
      auto header = BatchHeader::parse(batch);
      header->base_offset = next;
      header->leader_epoch = kLeaderEpoch;
      commit_.add(batch, *header);
      next = header->next_offset();
    }
    for (const FilePosition copy : kHeaderCopies) {
      example_header().encode(MutableBytes(segment_).subspan(copy.value));
    }
    const SharedSlice& bytes = commit_.lay_out(example_header().salt, kFirstCommit, 1, Offset{40});
    std::ranges::copy(bytes.view(), segment_.begin() + kFirstCommit.value);
    sealed_.header = example_header();
    for (const Commit::PlacedBatch& batch : commit_.batches()) {
      sealed_.note(batch.header, kFirstCommit + batch.entry_at,
                   kEntryHeaderBytes + batch.header.total_bytes);
    }
  }

  SimStorage storage_;
  SimMachine machine_{storage_};
  Commit commit_;
  std::vector<std::byte> segment_ = std::vector<std::byte>(kExampleBytes);
  Segment sealed_;
};

TEST_F(FormatDocument, TheExampleSegmentIsWhatTheCodeWrites) {
  EXPECT_EQ(fenced("segment"), to_hex(segment_));
}

TEST_F(FormatDocument, TheExampleIndexIsWhatTheCodeWrites) {
  EXPECT_EQ(fenced("index"), to_hex(sealed_.to_sealed_index().encode()));
}

std::string hex_of(const TopicId& id) {
  std::string text;
  for (const std::byte byte : id) text += fmt::format("{:02x}", std::to_integer<unsigned>(byte));
  return text;
}

TEST_F(FormatDocument, TheFieldsItNamesAreWhatTheCodeReads) {
  const auto bytes = parse_hex(fenced("segment"), kExampleBytes);
  std::string read;
  for (const FilePosition copy : kHeaderCopies) {
    const auto header = SegmentHeader::decode(ByteView(bytes).subspan(copy.value));
    ASSERT_TRUE(header) << header.error().message();
    read += fmt::format(
        "segment header at {}: topic id {}, partition {}, number {}, salt {:#018x}, created {}\n", copy,
        hex_of(header->topic_id), header->partition, header->number, header->salt, header->created_ms);
  }
  FilePosition position = kFirstCommit;
  while (true) {
    EntryHeader entry;
    const ByteView rest = ByteView(bytes).subspan(position.value);
    if (entry.decode(rest, example_header().salt, position) != EntryHeader::Verdict::kEntry) break;
    const ByteView batch = rest.subspan(kEntryHeaderBytes, entry.batch_bytes);
    const auto header = BatchHeader::parse(batch);
    ASSERT_TRUE(header) << header.error().message();
    ASSERT_TRUE(batch_checksum_is_right(batch));
    read += fmt::format("entry at {}: batch of {} bytes, commit sequence {}, durable end {}\n",
                        position, entry.batch_bytes, entry.commit_sequence, entry.durable_end);
    read +=
        fmt::format("batch at {}: base offset {}, leader epoch {}, next offset {}, largest time {}\n",
                    position + kEntryHeaderBytes, header->base_offset, header->leader_epoch,
                    header->next_offset(), header->max_timestamp_ms);
    position = next_entry_place(position + entry.entry_bytes());
  }
  const auto index_text = fenced("index");
  const auto sealed =
      SealedIndex::decode(parse_hex(index_text, sealed_.to_sealed_index().encode().size()));
  ASSERT_TRUE(sealed) << sealed.error().message();
  read +=
      fmt::format("index: segment {}, salt {:#018x}, offsets {} to {}, data end {}, largest time {}\n",
                  sealed->segment_number, sealed->salt, sealed->base_offset, sealed->next_offset,
                  sealed->data_end, sealed->index.max_timestamp_ms());
  for (const SegmentIndex::Place& place : sealed->index.places()) {
    read += fmt::format("place: offset {} at {}, largest time so far {}\n", place.offset,
                        place.position, place.max_timestamp_ms);
  }
  EXPECT_EQ(fenced("fields"), read);
}

TEST_F(FormatDocument, ConstantsAreThoseOfTheCode) {
  const std::string document = read_document();
  const auto says = [&document](const std::string& text) {
    return document.find(text) != std::string::npos;
  };
  EXPECT_TRUE(says(fmt::format("block is {} bytes", kBlockBytes)));
  EXPECT_TRUE(says(fmt::format("first commit starts at byte {}", kFirstCommit)));
  EXPECT_TRUE(says(fmt::format("fewer than {} bytes", kEntryHeaderBytes + kBatchHeaderBytes)));
  EXPECT_TRUE(says(fmt::format("format version is {}", kFormatVersion)));
  EXPECT_TRUE(says(fmt::format("{} MiB", kMaxBatchBytes / kMiB)));
  EXPECT_TRUE(says(segment_file_name(1)));
  EXPECT_TRUE(says(index_file_name(1)));
}

}  // namespace
}  // namespace penstock::log
