// The examples of docs/format.md, for tests that parse them and make them again. For sources that
// tests_read_docs() names.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace penstock {

// The bytes of the fenced block that begins with ```<name>.
inline std::string doc_example(const std::string& name) {
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

}  // namespace penstock
