// A catalog on a full disk: refused in time, and never the end of it.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/units.h"
#include "catalog/rocks_catalog.h"
#include "disk/testing/image_mount.h"
#include "task/clock.h"
#include "task/epoll_reactor.h"

namespace penstock::catalog {
namespace {

namespace fs = std::filesystem;

class FullDisk : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!mount_.is_mounted()) GTEST_SKIP() << "cannot mount a loop device (needs root, mkfs.ext4)";
    fs::create_directory(directory());
  }
  fs::path directory() const { return fs::path(mount_.path()) / "catalog"; }

  // Somebody else takes all that is left.
  void fill() {
    std::ofstream filler(fs::path(mount_.path()) / "filler", std::ios::binary | std::ios::app);
    const std::string data(4096, 'x');
    while (filler.write(data.data(), std::ssize(data)).flush()) {
    }
  }
  void make_space() { fs::remove(fs::path(mount_.path()) / "filler"); }

  Result<void> put(RocksCatalog& catalog, const std::string& key, std::size_t value_bytes = 100) {
    Change change;
    change.put(key, std::string(value_bytes, 'v'));
    return scheduler_.run(catalog.write(scheduler_, std::move(change)));
  }

  static constexpr int kDiskMib = 128;
  ImageMount mount_{"mkfs.ext4 -q", kDiskMib};
  SystemClock clock_;
  std::unique_ptr<EpollReactor> reactor_ = *EpollReactor::create();
  Scheduler scheduler_{clock_, *reactor_};
};

TEST_F(FullDisk, WritesGoOnFromTheReserveThenAreRefusedAndComeBackWithSpace) {
  auto catalog = *RocksCatalog::open(directory());
  ASSERT_TRUE(put(*catalog, "before"));
  fill();
  EXPECT_TRUE(put(*catalog, "from the reserve"));

  int taken = 0;
  Result<void> last;
  for (; taken < 1000 && last; ++taken) {
    fill();  // and takes what was meant for the catalog
    last = put(*catalog, fmt::format("{:04}", taken), 10'000);
  }
  ASSERT_FALSE(last) << "the reserve never ended";
  EXPECT_EQ(last.error().code(), ErrorCode::kNoSpace) << last.error().message();
  EXPECT_NE(last.error().message().find("make room"), std::string::npos) << last.error().message();

  make_space();
  EXPECT_TRUE(put(*catalog, "after"));
  catalog->finish();
  catalog.reset();
  catalog = *RocksCatalog::open(directory());
  const auto entries = catalog->scan_now("");
  ASSERT_TRUE(entries);
  EXPECT_EQ(entries->size(), static_cast<std::size_t>(taken - 1) + 3)
      << "what was acknowledged, and no more";
}

TEST_F(FullDisk, OneThatWasClosedOpensAgainAndOneWithoutAReserveSaysWhatIsMissing) {
  auto catalog = *RocksCatalog::open(directory());
  ASSERT_TRUE(put(*catalog, "before"));
  catalog->finish();
  catalog.reset();
  fill();
  for (int restart = 0; restart < 3; ++restart) {
    auto again = RocksCatalog::open(directory());
    ASSERT_TRUE(again) << again.error().message();
    EXPECT_EQ((*again)->scan_now("")->size(), 1U);
  }
  fs::remove(directory() / "RESERVE");
  fill();
  const auto refused = RocksCatalog::open(directory());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kNoSpace);
  EXPECT_NE(refused.error().message().find("must be free"), std::string::npos);
  make_space();
  EXPECT_TRUE(RocksCatalog::open(directory()));
}

}  // namespace
}  // namespace penstock::catalog
