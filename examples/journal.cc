// journal: a durable journal in 30 lines, and a small program around it.
//
//     journal FILE             prints every record
//     journal FILE --append    appends each line of standard input as a record, and prints "kept N"
//                              when it is on the device: neither a kill nor a power cut takes it then
//
// A record is its length, a checksum, and its bytes. The checksum is what finds the end of the journal
// after a crash: the first record that does not add up was never acknowledged.

#include <penstock/penstock.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <iostream>
#include <string>
#include <string_view>

namespace {

// --- The journal ---

struct Header {
  std::uint32_t length = 0;
  std::uint32_t checksum = 0;
};
constexpr std::uint32_t kMaxRecordBytes = 1 << 20;

// FNV-1a, over the length too. Zeros, which is what prepared space reads as, do not add up.
std::uint32_t checksum_of(std::string_view record) {
  std::uint32_t hash = 2166136261U ^ static_cast<std::uint32_t>(record.size());
  for (const char c : record) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return hash;
}

using Bytes = std::span<const std::byte>;

// Calls `use` with every whole record; returns where the next one belongs.
penstock::Result<std::uint64_t> read_journal(const penstock::ReadFile& file,
                                             const std::function<void(std::string_view)>& use) {
  penstock::ReadAhead reader(file);
  for (std::uint64_t end = 0;;) {
    Header header;
    penstock::Result<Bytes> bytes = reader.read(end, sizeof(header));
    if (!bytes) return penstock::Unexpected(bytes.error());
    if (bytes->size() < sizeof(header)) return end;
    std::memcpy(&header, bytes->data(), sizeof(header));
    if (header.length > kMaxRecordBytes) return end;

    bytes = reader.read(end + sizeof(header), header.length);
    if (!bytes) return penstock::Unexpected(bytes.error());
    const std::string_view record(reinterpret_cast<const char*>(bytes->data()), bytes->size());
    if (record.size() < header.length || checksum_of(record) != header.checksum) return end;
    use(record);
    end += sizeof(header) + header.length;
  }
}

// When this has returned success, the record is on the device.
penstock::Result<void> keep(penstock::AppendFile& journal, std::string_view record) {
  const Header header{static_cast<std::uint32_t>(record.size()), checksum_of(record)};
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof(header));
  const penstock::Result<std::uint64_t> position = journal.append(bytes.append(record));
  if (!position) return penstock::Unexpected(position.error());
  return journal.sync();
}

// --- The program ---

int complain(std::string_view what) {
  std::cerr << "journal: " << what << "\n";
  return 1;
}

int print(penstock::Engine& engine, const std::string& path) {
  penstock::Result<penstock::ReadFile> file = penstock::ReadFile::open(engine, path);
  if (!file) return complain(file.error().message());
  const auto print_one = [](std::string_view record) { std::cout << record << '\n'; };
  const penstock::Result<std::uint64_t> end = read_journal(*file, print_one);
  if (!end) return complain(end.error().message());
  return std::cout.flush() ? 0 : complain("cannot write to standard output");
}

// The journal at `path`, which may be new, or left behind by a crash.
penstock::Result<penstock::AppendFile> open_journal(penstock::Engine& engine, const std::string& path,
                                                    std::uint64_t& record_count) {
  if (!std::filesystem::exists(path)) return penstock::AppendFile::create(engine, path);
  penstock::Result<penstock::ReadFile> file = penstock::ReadFile::open(engine, path);
  if (!file) return penstock::Unexpected(file.error());
  const auto count_one = [&record_count](std::string_view) { ++record_count; };
  const penstock::Result<std::uint64_t> end = read_journal(*file, count_one);
  if (!end) return penstock::Unexpected(end.error());
  return penstock::AppendFile::open_at(engine, path, *end);
}

int append(penstock::Engine& engine, const std::string& path) {
  std::uint64_t count = 0;
  penstock::Result<penstock::AppendFile> journal = open_journal(engine, path, count);
  if (!journal) return complain(journal.error().message());
  for (std::string line; std::getline(std::cin, line);) {
    if (line.size() > kMaxRecordBytes) return complain("a record may have at most 1 MiB");
    const penstock::Result<void> kept = keep(*journal, line);
    if (!kept) return complain(kept.error().message());
    std::cout << "kept " << ++count << std::endl;
  }
  const penstock::Result<void> sealed = journal->seal();
  return sealed ? 0 : complain(sealed.error().message());
}

}  // namespace

int main(int argc, char** argv) {
  const bool appends = argc == 3 && std::string_view(argv[2]) == "--append";
  const bool asks = argc == 2 && std::string_view(argv[1]) == "--help";
  if (asks || (argc != 2 && !appends)) {
    (asks ? std::cout : std::cerr)
        << "usage: journal FILE             print every record\n"
           "       journal FILE --append    append each line of standard input\n";
    return asks ? 0 : 2;
  }
  penstock::Result<penstock::Engine> engine = penstock::Engine::create();
  if (!engine) return complain(engine.error().message());
  return appends ? append(*engine, argv[1]) : print(*engine, argv[1]);
}
