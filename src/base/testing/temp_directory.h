// TempDirectory: a new, empty directory for one test, removed with everything in it at the end.
//
// Lies in $PENSTOCK_TEST_DIR, or else under the working directory: that is the build's file system,
// which has a device under it, while /tmp is often tmpfs, where direct I/O means nothing.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

#include "base/assert.h"

namespace penstock {

class TempDirectory {
 public:
  TempDirectory() : TempDirectory(usual_parent()) {}
  explicit TempDirectory(const std::filesystem::path& parent) {
    std::string name = (parent / "penstock-test-XXXXXX").string();
    PENSTOCK_ASSERT(::mkdtemp(name.data()) != nullptr, "cannot make a directory for the test");
    path_ = name;
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  ~TempDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  static std::filesystem::path usual_parent() {
    const char* chosen = std::getenv("PENSTOCK_TEST_DIR");
    return chosen != nullptr ? chosen : std::filesystem::current_path();
  }

  std::string path_;
};

// As long as it lives, processes that this one starts make their directories inside of `directory`. For
// death tests in the "threadsafe" style: their process begins the test anew, with a TempDirectory of
// its own, and dies before it can remove it.
class TempDirectoryForChildren {
 public:
  explicit TempDirectoryForChildren(const TempDirectory& directory) {
    if (const char* chosen = std::getenv(kVariable)) before_ = chosen;
    ::setenv(kVariable, directory.path().c_str(), 1);
  }
  TempDirectoryForChildren(const TempDirectoryForChildren&) = delete;
  TempDirectoryForChildren& operator=(const TempDirectoryForChildren&) = delete;
  ~TempDirectoryForChildren() {
    if (before_) {
      ::setenv(kVariable, before_->c_str(), 1);
    } else {
      ::unsetenv(kVariable);
    }
  }

 private:
  static constexpr const char* kVariable = "PENSTOCK_TEST_DIR";

  std::optional<std::string> before_;
};

}  // namespace penstock
