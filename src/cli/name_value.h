// NAME=VALUE, as flags take it: headers, settings.
//
// Threading: pure functions.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

namespace penstock::cli {

// For CLI11: an empty string when the text is right.
inline std::string check_name_value(const std::string& text) {
  const std::size_t equals = text.find('=');
  return equals == std::string::npos || equals == 0 ? fmt::format("'{}' is not NAME=VALUE", text) : "";
}

// Of a text that check_name_value() takes; both are parts of it.
inline std::pair<std::string_view, std::string_view> split_name_value(std::string_view text) {
  const std::size_t equals = text.find('=');
  return {text.substr(0, equals), text.substr(equals + 1)};
}

}  // namespace penstock::cli
