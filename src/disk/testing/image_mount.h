// ImageMount: a small file system of its own for one test, in an image file on a loop device.
//
// Needs root, mkfs and loop devices; a test skips when it is_mounted() says no.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/testing/temp_directory.h"

namespace penstock {

class ImageMount {
 public:
  // `make` formats the image: "mkfs.ext4 -q". `options` are mount's, beyond "loop".
  ImageMount(const std::string& make, unsigned size_mib, const std::string& options = "") {
    const std::string image = directory_ / "image";
    mount_point_ = directory_ / "mount";
    const std::string command = "truncate -s " + std::to_string(size_mib) + "M " + image + " && " +
                                make + " " + image + " && mkdir " + mount_point_ + " && mount -o loop" +
                                (options.empty() ? "" : "," + options) + " " + image + " " +
                                mount_point_;
    is_mounted_ = std::system(("( " + command + " ) >/dev/null 2>&1").c_str()) == 0;
  }
  ImageMount(const ImageMount&) = delete;
  ImageMount& operator=(const ImageMount&) = delete;
  ~ImageMount() {
    if (is_mounted_ && std::system(("umount " + mount_point_).c_str()) != 0) {
      PENSTOCK_ASSERT(false, "a test left its file system busy");
    }
  }

  bool is_mounted() const { return is_mounted_; }
  const std::string& path() const { return mount_point_; }

  // Takes all the space that there is, and gives it back.
  void fill() const {
    std::ofstream file(filler());
    const std::string block(4096, 'x');
    while (file.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  void make_room() const { std::filesystem::remove(filler()); }

 private:
  std::string filler() const { return mount_point_ + "/filler"; }

  TempDirectory directory_;
  std::string mount_point_;
  bool is_mounted_ = false;
};

}  // namespace penstock
