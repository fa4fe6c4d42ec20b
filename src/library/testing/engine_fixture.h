// EngineTest: an Engine of each make, and a directory, for tests of the public interface.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "base/testing/temp_directory.h"
#include "penstock/penstock.h"

namespace penstock {

class EngineTest : public testing::TestWithParam<UringUse> {
 protected:
  void SetUp() override {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    Result<Engine> made = Engine::create({.io_uring = GetParam()});
    if (!made && GetParam() == UringUse::kOn) GTEST_SKIP() << made.error().message();
    engine_.emplace(std::move(made).value());
  }

  Engine& engine() { return *engine_; }
  std::string path(const std::string& name) const { return directory_ / name; }

  // Until nothing is pending; fails when that takes longer than any disk.
  void finish() {
    for (int i = 0; i < 1000 && engine().pending() > 0; ++i) engine().wait(std::chrono::seconds(10));
    ASSERT_EQ(engine().pending(), 0U);
  }

  static std::string contents(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    EXPECT_TRUE(file.good()) << path;
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  static void write(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
  }
  // Bytes of which no block is like another.
  static std::string pattern(std::size_t size) {
    std::string text(size, '\0');
    std::uint32_t state = 2463534242U;
    for (char& c : text) {
      state ^= state << 13U;
      state ^= state >> 17U;
      state ^= state << 5U;
      c = static_cast<char>(state);
    }
    return text;
  }

  TempDirectory directory_;
  TempDirectoryForChildren for_children_{directory_};
  std::optional<Engine> engine_;
};

inline std::string name_of_make(const testing::TestParamInfo<UringUse>& info) {
  return info.param == UringUse::kOn ? "Uring" : "Workers";
}

}  // namespace penstock
