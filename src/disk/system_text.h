// The small text files in which the kernel describes itself, under /proc and /sys.
//
// Threading: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace penstock {

// At most `max_bytes` of the file; empty when it cannot be read.
std::string read_system_file(const std::string& path, std::size_t max_bytes = 4096);

// The first line, without white space at its ends.
std::string first_line_of(const std::string& path);

// A decimal number and nothing else.
std::optional<std::uint64_t> parse_number(std::string_view text);
std::optional<std::uint64_t> number_in(const std::string& path);

}  // namespace penstock
