// Text for people: quantities, times, aligned columns and paragraphs.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace penstock::cli {

// "512 B", "4 KiB", "1.5 GiB".
std::string human_bytes(std::uint64_t bytes);

// "8.5 us", "310 us", "2.9 ms", "30 ms", "1.5 s".
std::string human_microseconds(double us);

// "1,234,567".
std::string with_commas(std::uint64_t number);

// "3 segments", "1 segment".
std::string count_of(std::uint64_t count, std::string_view singular);

// "2026-08-01T12:34:56.789Z"; "-" for a time before 1970 (Kafka's "none").
std::string utc_time(std::int64_t wall_ms);

std::string to_hex(ByteView bytes);

// Record bytes as text on one line: what is not printable ASCII as \n, \t, \\ or \xHH; cut with "..."
// after `longest` bytes.
std::string printable(ByteView bytes, std::size_t longest);

// Breaks `text` at spaces into lines of at most `columns` characters; a longer word stays whole.
std::vector<std::string> wrap(std::string_view text, std::size_t columns);

// Rows of cells under a row of titles, aligned; numbers to the right.
class Table {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // As many cells as there are columns.
  void add(std::vector<std::string> row);
  std::string to_string() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace penstock::cli
