// Uuid: a topic's id. All zero means "none".
#pragma once

#include <array>
#include <cstddef>

namespace penstock::kafka {

struct Uuid {
  std::array<std::byte, 16> bytes{};

  bool is_zero() const { return *this == Uuid{}; }
  friend auto operator<=>(const Uuid&, const Uuid&) = default;
};

}  // namespace penstock::kafka
