// docs/format.md, "The catalog", says what the code does: its examples are read from the document,
// parsed by the real code, and made again by it, byte for byte.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "group/records.h"

namespace penstock::group {
namespace {

// The bytes of the fenced block that begins with ```<name>.
std::string example(const std::string& name) {
  std::ifstream file(std::filesystem::path(PENSTOCK_DOCS_DIRECTORY) / "format.md");
  EXPECT_TRUE(file);
  std::string bytes;
  bool is_inside = false;
  for (std::string line; std::getline(file, line);) {
    if (is_inside && line == "```") return bytes;
    if (is_inside) {
      std::istringstream words(line.substr(line.find(' ')));
      for (unsigned value = 0; words >> std::hex >> value;) bytes += static_cast<char>(value);
    }
    is_inside |= line == "```" + name;
  }
  ADD_FAILURE() << "docs/format.md has no block ```" << name;
  return bytes;
}

TEST(CatalogFormat, TheDocumentsGroupIsReadAndMadeAgain) {
  EXPECT_EQ(*decode_group_key(example("group-key")), "billing");
  EXPECT_EQ(group_key("billing"), example("group-key"));
  const auto group = decode_group(example("group"));
  ASSERT_TRUE(group);
  EXPECT_EQ(group->generation, 3);
  EXPECT_EQ(group->protocol, "range");
  ASSERT_EQ(group->members.size(), 1U);
  EXPECT_EQ(group->members[0].member_id, group->leader);
  EXPECT_EQ(group->members[0].session_timeout_ms, 10'000);
  EXPECT_EQ(encode(*group), example("group"));
}

TEST(CatalogFormat, TheDocumentsOffsetIsReadAndMadeAgain) {
  const OffsetKey key{"billing", {"orders", 2}};
  EXPECT_EQ(*decode_offset_key(example("offset-key")), key);
  EXPECT_EQ(offset_key(key.group, key.partition), example("offset-key"));
  const auto offset = decode_offset(example("offset"));
  ASSERT_TRUE(offset);
  EXPECT_EQ(offset->offset, Offset{42});
  EXPECT_EQ(offset->metadata, "note");
  EXPECT_EQ(encode(*offset), example("offset"));
}

}  // namespace
}  // namespace penstock::group
