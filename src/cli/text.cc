#include "cli/text.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

namespace penstock::cli {

namespace {

constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
constexpr std::string_view kColumnGap = "  ";

std::string escaped(unsigned char byte) {
  switch (byte) {
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    case '\\': return "\\\\";
    default: break;
  }
  if (byte >= 0x20 && byte < 0x7F) return {static_cast<char>(byte)};
  return fmt::format("\\x{:02x}", byte);
}

}  // namespace

std::string human_bytes(std::uint64_t bytes) {
  std::size_t unit = 0;
  auto value = static_cast<double>(bytes);
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  const bool whole = value == static_cast<double>(static_cast<std::uint64_t>(value));
  return whole ? fmt::format("{:.0f} {}", value, kUnits[unit])
               : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string human_microseconds(double us) {
  if (us < 10) return fmt::format("{:.1f} us", us);
  if (us < 1'000) return fmt::format("{:.0f} us", us);
  if (us < 10'000) return fmt::format("{:.1f} ms", us / 1'000);
  if (us < 1'000'000) return fmt::format("{:.0f} ms", us / 1'000);
  return fmt::format("{:.1f} s", us / 1'000'000);
}

std::string with_commas(std::uint64_t number) {
  std::string digits = fmt::format("{}", number);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

std::string count_of(std::uint64_t count, std::string_view singular) {
  if (count == 1) return fmt::format("1 {}", singular);
  const bool ends_in_y = singular.ends_with('y');
  if (!ends_in_y) return fmt::format("{} {}s", with_commas(count), singular);
  return fmt::format("{} {}ies", with_commas(count), singular.substr(0, singular.size() - 1));
}

std::string utc_time(std::int64_t wall_ms) {
  if (wall_ms < 0) return "-";
  const std::chrono::sys_time<std::chrono::milliseconds> moment{std::chrono::milliseconds(wall_ms)};
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", std::chrono::floor<std::chrono::seconds>(moment),
                     wall_ms % 1000);
}

std::string to_hex(ByteView bytes) {
  std::string hex;
  for (const std::byte byte : bytes) hex += fmt::format("{:02x}", std::to_integer<unsigned>(byte));
  return hex;
}

std::string printable(ByteView bytes, std::size_t longest) {
  std::string text;
  for (const std::byte byte : bytes.first(std::min(bytes.size(), longest))) {
    text += escaped(std::to_integer<unsigned char>(byte));
  }
  if (bytes.size() > longest) text += "...";
  return text;
}

std::vector<std::string> wrap(std::string_view text, std::size_t columns) {
  std::vector<std::string> lines;
  std::string line;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (!line.empty() && line.size() + 1 + word.size() > columns)
      lines.push_back(std::exchange(line, ""));
    if (!line.empty()) line += ' ';
    line += word;
  }
  if (!line.empty() || lines.empty()) lines.push_back(line);
  return lines;
}

void Table::add(std::vector<std::string> row) {
  PENSTOCK_ASSERT(row.size() == columns_.size(), "a row has a cell per column");
  rows_.push_back(std::move(row));
}

std::string Table::to_string() const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    widths.push_back(columns_[i].title.size());
    for (const auto& row : rows_) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  const auto add_cell = [&](std::size_t column, const std::string& cell) {
    if (column > 0) text += kColumnGap;
    const bool right = columns_[column].align == Align::kRight;
    const bool last = column + 1 == columns_.size();
    if (right) text += fmt::format("{:>{}}", cell, widths[column]);
    if (!right) text += last ? cell : fmt::format("{:<{}}", cell, widths[column]);
    if (last) text += '\n';
  };
  for (std::size_t i = 0; i < columns_.size(); ++i) add_cell(i, columns_[i].title);
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) add_cell(i, row[i]);
  }
  return text;
}

}  // namespace penstock::cli
