#include "base/unit_text.h"

#include <gtest/gtest.h>

#include "base/units.h"

namespace penstock {
namespace {

TEST(UnitText, SizesRoundTrip) {
  for (const std::string_view text : {"0", "1", "1048588", "64KiB", "128MiB", "3GiB"}) {
    EXPECT_EQ(format_size(parse_size(text).value()), text);
  }
  EXPECT_EQ(parse_size("64 KiB").value(), 64 * kKiB);
}

TEST(UnitText, WhatIsNoSizeIsRefused) {
  for (const std::string_view text : {"", "MiB", "1MB", "-1", "1.5MiB", "99999999999GiB"}) {
    EXPECT_FALSE(parse_size(text)) << text;
  }
}

}  // namespace
}  // namespace penstock
