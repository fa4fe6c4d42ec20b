#include "disk/data_lock.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>

#include "base/testing/temp_directory.h"

namespace penstock {
namespace {

TEST(DirectoryLock, ASecondHolderIsRefusedAndToldWhoHasIt) {
  const TempDirectory directory;
  const Result<DirectoryLock> first = DirectoryLock::acquire(directory.path());
  ASSERT_TRUE(first) << first.error().message();
  const Result<DirectoryLock> second = DirectoryLock::acquire(directory.path());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::kBusy);
  EXPECT_NE(second.error().message().find(fmt::format("process {}", ::getpid())), std::string::npos)
      << second.error().message();
}

TEST(DirectoryLock, ItIsFreeAgainWhenItsHolderGoes) {
  const TempDirectory directory;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(DirectoryLock::acquire(directory.path()));
}

TEST(DirectoryLock, ItIsFreeAgainWhenItsProcessDies) {
  const TempDirectory directory;
  const pid_t child = ::fork();
  if (child == 0) {
    const Result<DirectoryLock> lock = DirectoryLock::acquire(directory.path());
    ::_exit(lock ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  EXPECT_TRUE(DirectoryLock::acquire(directory.path()));
}

TEST(DirectoryLock, AMissingDirectoryIsNotFound) {
  const TempDirectory directory;
  const Result<DirectoryLock> lock = DirectoryLock::acquire(directory / "missing");
  ASSERT_FALSE(lock);
  EXPECT_EQ(lock.error().code(), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace penstock
