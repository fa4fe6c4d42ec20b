// Versions: the range of protocol versions in which an API, a message or a field exists.
//
// Written as Kafka's own message definitions write it: "3+", "0-12", "5" or "none". The text is parsed
// at compile time; a range that cannot be parsed does not compile.
#pragma once

#include <cstdint>
#include <limits>

namespace penstock::kafka {

struct Versions {
  std::int16_t first = 1;
  std::int16_t last = 0;  // below `first`: no version at all

  constexpr Versions() = default;
  consteval Versions(const char* text) {  // NOLINT: implicit, so that a schema reads like the JSON
    if (text[0] == 'n') return;           // "none"
    first = parse_number(text);
    last = first;
    if (*text == '+') {
      last = std::numeric_limits<std::int16_t>::max();
      ++text;
    } else if (*text == '-') {
      ++text;
      last = parse_number(text);
    }
    if (*text != '\0') not_a_version_range();
  }

  constexpr bool is_none() const { return last < first; }
  constexpr bool contains(std::int16_t version) const { return first <= version && version <= last; }
  friend constexpr bool operator==(Versions, Versions) = default;

 private:
  static void not_a_version_range() {}  // not constexpr: calling it makes the text a compile error

  static consteval std::int16_t parse_number(const char*& text) {
    if (*text < '0' || *text > '9') not_a_version_range();
    int number = 0;
    for (; *text >= '0' && *text <= '9'; ++text) number = number * 10 + (*text - '0');
    return static_cast<std::int16_t>(number);
  }
};

}  // namespace penstock::kafka
