#include "mounted.h"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "base/assert.h"

namespace penstock {

namespace {

constexpr const char* kNoLoop = nullptr;
constexpr const char* kPlainLoop = "";

// The standard output and error of a shell command, without the last newline, and whether it succeeded.
std::pair<std::string, bool> shell(const std::string& command) {
  std::FILE* pipe = ::popen(("( " + command + " ) 2>&1").c_str(), "r");
  if (pipe == nullptr) return {"cannot start a shell", false};
  std::string output;
  char piece[512];
  while (std::fgets(piece, sizeof piece, pipe) != nullptr) output += piece;
  const int status = ::pclose(pipe);
  while (!output.empty() && output.back() == '\n') output.pop_back();
  return {output, WIFEXITED(status) && WEXITSTATUS(status) == 0};
}

}  // namespace

const std::vector<FileSystemRecipe>& file_system_recipes() {
  static const std::vector<FileSystemRecipe> recipes = {
      {"Ext4",
       "ext4",
       128,
       kPlainLoop,
       {"mkfs.ext4 -q $DEVICE", "mount $DEVICE $MOUNT"},
       IoMode::kDirect},
      {"Ext4On4KiBSectors",
       "ext4",
       128,
       "--sector-size 4096",
       {"mkfs.ext4 -q $DEVICE", "mount $DEVICE $MOUNT"},
       IoMode::kDirect},
      {"Ext4JournalledData",
       "ext4",
       128,
       kPlainLoop,
       {"mkfs.ext4 -q $DEVICE", "mount -o data=journal $DEVICE $MOUNT"},
       IoMode::kUncached},
      {"Xfs", "xfs", 320, kPlainLoop, {"mkfs.xfs -q $DEVICE", "mount $DEVICE $MOUNT"}, IoMode::kDirect},
      {"Btrfs",
       "btrfs",
       256,
       kPlainLoop,
       {"mkfs.btrfs -q $DEVICE", "mount $DEVICE $MOUNT"},
       IoMode::kBuffered},
      {"BtrfsWithoutChecksums",
       "btrfs",
       256,
       kPlainLoop,
       {"mkfs.btrfs -q $DEVICE", "mount -o nodatasum,nodatacow $DEVICE $MOUNT"},
       IoMode::kDirect},
      {"Tmpfs",
       "tmpfs",
       0,
       kNoLoop,
       {"mount -t tmpfs -o size=96m penstock-test $MOUNT"},
       IoMode::kBuffered},
      {"Overlay",
       "overlay",
       128,
       kPlainLoop,
       {"mkfs.ext4 -q $DEVICE", "mkdir $WORK/base && mount $DEVICE $WORK/base",
        "mkdir $WORK/base/lower $WORK/base/upper $WORK/base/work",
        "mount -t overlay -o "
        "lowerdir=$WORK/base/lower,upperdir=$WORK/base/upper,workdir=$WORK/base/work "
        "penstock-test $MOUNT"},
       IoMode::kDirect},
  };
  return recipes;
}

Mounted::Mounted(const FileSystemRecipe& recipe) : mount_point_(directory_ / "mount") {
  if (::geteuid() != 0) {
    why_not_ = "only root can mount file systems";
    return;
  }
  std::filesystem::create_directory(mount_point_);
  if (recipe.image_mib > 0) {
    const std::string image = directory_ / "image";
    const auto [output, made] = shell(fmt::format("truncate -s {}M {} && losetup --find --show {} {}",
                                                  recipe.image_mib, image, recipe.loop_options, image));
    if (!made) {
      why_not_ = "no loop device: " + output;
      return;
    }
    device_ = output;
  }
  for (const std::string& command : recipe.commands) {
    why_not_ = run(command);
    if (!why_not_.empty()) return;
  }
}

Mounted::~Mounted() {
  if (::geteuid() != 0) return;
  for (const std::string& place : {mount_point_, directory_ / "base"}) {
    if (!shell("mountpoint -q " + place).second) continue;
    const auto [output, gone] = shell("umount " + place);
    PENSTOCK_ASSERT(gone, output.c_str());
  }
  if (!device_.empty()) shell("losetup --detach " + device_);
}

bool Mounted::remount(const std::string& options) {
  return shell(fmt::format("mount -o remount,{} {}", options, mount_point_)).second;
}

std::string Mounted::run(const std::string& command) const {
  const auto [output, done] = shell(
      fmt::format("WORK={} MOUNT={} DEVICE={}; {}", directory_.path(), mount_point_, device_, command));
  return done ? "" : fmt::format("{}: {}", command, output);
}

}  // namespace penstock
