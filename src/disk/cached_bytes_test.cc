#include "disk/cached_bytes.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "base/testing/temp_directory.h"
#include "disk/descriptor.h"

namespace penstock {
namespace {

TEST(CachedBytes, AreWhatWasWrittenThroughThePageCacheUntilItIsDropped) {
  const TempDirectory directory;
  const Descriptor file(::open((directory / "file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!cached_bytes(file.get())) GTEST_SKIP() << "no cachestat here (Linux 6.5)";
  EXPECT_EQ(cached_bytes(file.get()), 0U);
  const std::string bytes(10'000, 'x');
  ASSERT_EQ(::write(file.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  const auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  EXPECT_EQ(cached_bytes(file.get()), (bytes.size() + page_bytes - 1) / page_bytes * page_bytes);
  ASSERT_EQ(::fsync(file.get()), 0);
  ASSERT_EQ(::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED), 0);
  EXPECT_EQ(cached_bytes(file.get()), 0U);
}

}  // namespace
}  // namespace penstock
