#include "disk/system_text.h"

#include <algorithm>
#include <charconv>
#include <fstream>

namespace penstock {

std::string read_system_file(const std::string& path, std::size_t max_bytes) {
  // Such files do not know their size: read until nothing more comes.
  constexpr std::size_t kStepBytes = 4096;
  std::ifstream file(path, std::ios::binary);
  std::string text;
  while (file && text.size() < max_bytes) {
    const std::size_t before = text.size();
    text.resize(std::min(before + kStepBytes, max_bytes));
    file.read(text.data() + before, static_cast<std::streamsize>(text.size() - before));
    text.resize(before + static_cast<std::size_t>(file.gcount()));
  }
  return text;
}

std::string first_line_of(const std::string& path) {
  constexpr std::string_view kSpace = " \t\r";
  const std::string text = read_system_file(path);
  std::string_view line = std::string_view(text).substr(0, text.find('\n'));
  line.remove_prefix(std::min(line.find_first_not_of(kSpace), line.size()));
  return std::string(line.substr(0, line.find_last_not_of(kSpace) + 1));
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> number_in(const std::string& path) {
  return parse_number(first_line_of(path));
}

}  // namespace penstock
