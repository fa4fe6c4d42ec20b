// Mounted: one of the file systems of the matrix, made for a test and gone after it.
//
// Needs root, loop devices and the file system's tools; why_not() says what is missing.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "base/testing/temp_directory.h"
#include "penstock/io_mode.h"

namespace penstock {

// A way to get a file system. Commands run in order in a shell, each with $IMAGE (a sparse file),
// $DEVICE (a loop device, only when `loop_options` is not null), $WORK (a directory on the machine's
// own file system) and $MOUNT (the mount point) set.
struct FileSystemRecipe {
  std::string name;
  std::string type;  // as the probe calls it
  unsigned image_mib = 0;
  const char* loop_options = nullptr;
  std::vector<std::string> commands;
  // What `auto` takes here, on a kernel of this project's minimum for it.
  IoMode best_mode = IoMode::kDirect;
};
inline void PrintTo(const FileSystemRecipe& recipe, std::ostream* out) { *out << recipe.name; }

const std::vector<FileSystemRecipe>& file_system_recipes();

class Mounted {
 public:
  explicit Mounted(const FileSystemRecipe& recipe);
  Mounted(const Mounted&) = delete;
  Mounted& operator=(const Mounted&) = delete;
  ~Mounted();

  bool is_mounted() const { return why_not_.empty(); }
  const std::string& why_not() const { return why_not_; }
  const std::string& path() const { return mount_point_; }
  // Mounts it again with other options: "ro", "rw". False when the machine refuses.
  bool remount(const std::string& options);

 private:
  // The last line of what the command said, when it failed; else empty.
  std::string run(const std::string& command) const;

  TempDirectory directory_;
  std::string mount_point_;
  std::string device_;
  std::string why_not_;
};

}  // namespace penstock
