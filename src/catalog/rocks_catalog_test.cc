#include "catalog/rocks_catalog.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "task/clock.h"
#include "task/epoll_reactor.h"
#include "task/join.h"

namespace penstock::catalog {
namespace {

class Rocks : public ::testing::Test {
 protected:
  Rocks()
      : directory_(std::filesystem::temp_directory_path() / fmt::format("catalog-test-{}", ::getpid())),
        reactor_(*EpollReactor::create()),
        scheduler_(clock_, *reactor_) {
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directory(directory_);
  }
  ~Rocks() override { std::filesystem::remove_all(directory_); }

  std::unique_ptr<RocksCatalog> open() {
    auto catalog = RocksCatalog::open(directory_);
    EXPECT_TRUE(catalog) << catalog.error().message();
    return catalog ? std::move(*catalog) : nullptr;
  }
  std::vector<Entry> scan(RocksCatalog& catalog, const std::string& prefix) {
    auto entries = scheduler_.run(catalog.scan(scheduler_, prefix));
    EXPECT_TRUE(entries) << entries.error().message();
    return entries.value_or(std::vector<Entry>());
  }
  Result<void> put(RocksCatalog& catalog, std::string key, std::string value) {
    Change change;
    change.put(std::move(key), std::move(value));
    return scheduler_.run(catalog.write(scheduler_, std::move(change)));
  }

  std::filesystem::path directory_;
  SystemClock clock_;
  std::unique_ptr<EpollReactor> reactor_;
  Scheduler scheduler_;
};

TEST_F(Rocks, WhatWasWrittenIsThereAfterItWasOpenedAgainInTheOrderOfTheKeys) {
  {
    const auto catalog = open();
    Change change;
    change.put("b", "2");
    change.put("a\xFF", "3");
    change.put(std::string("a\0", 2), "1");
    change.put("gone", "x");
    EXPECT_TRUE(scheduler_.run(catalog->write(scheduler_, change)));
    Change second;
    second.erase("gone");
    second.put("b", "two");
    EXPECT_TRUE(scheduler_.run(catalog->write(scheduler_, second)));
    catalog->finish();
  }
  const auto catalog = open();
  const std::vector<Entry> all = {{std::string("a\0", 2), "1"}, {"a\xFF", "3"}, {"b", "two"}};
  EXPECT_EQ(scan(*catalog, ""), all);
  EXPECT_EQ(scan(*catalog, "a").size(), 2U);
  EXPECT_TRUE(scan(*catalog, "c").empty());
  catalog->finish();
}

Task<void> write_one(RocksCatalog& catalog, Scheduler& scheduler, int number) {
  Change change;
  change.put(fmt::format("{:04}", number), "value");
  EXPECT_TRUE(co_await catalog.write(scheduler, change));
}

TEST_F(Rocks, WritesThatWaitShareASync) {
  const auto catalog = open();
  std::vector<Task<void>> writes;
  constexpr int kWrites = 500;
  for (int i = 0; i < kWrites; ++i) writes.push_back(write_one(*catalog, scheduler_, i));
  scheduler_.run(join(scheduler_, std::move(writes)));
  EXPECT_EQ(catalog->stats().writes, std::uint64_t{kWrites});
  EXPECT_LT(catalog->stats().syncs, 50U);
  EXPECT_EQ(scan(*catalog, "").size(), std::size_t{kWrites});
  catalog->finish();
}

TEST_F(Rocks, ManyThreadsWriteAtOnceAndEachHearsOfItsOwn) {
  const auto catalog = open();
  constexpr int kThreads = 4;
  constexpr int kWrites = 50;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&catalog, t] {
      const SystemClock clock;
      const auto reactor = *EpollReactor::create();
      Scheduler scheduler(clock, *reactor);
      for (int i = 0; i < kWrites; ++i) scheduler.run(write_one(*catalog, scheduler, t * kWrites + i));
      catalog->finish();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(scan(*catalog, "").size(), std::size_t{kThreads * kWrites});
  catalog->finish();
}

TEST_F(Rocks, ASecondOneInTheSameDirectoryIsRefused) {
  const auto catalog = open();
  const auto second = RocksCatalog::open(directory_);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message().find(directory_.string()), std::string::npos);
  EXPECT_TRUE(RocksCatalog::open_to_read(directory_));
}

TEST_F(Rocks, NoneIsMadeByOneWhoOnlyReads) {
  EXPECT_FALSE(RocksCatalog::open_to_read(directory_));
  EXPECT_FALSE(std::filesystem::exists(directory_ / "CURRENT"));
}

TEST_F(Rocks, DamageInFrontOfWhatWasSyncedLaterIsNotPassedOver) {
  {
    const auto catalog = open();
    for (int i = 0; i < 20; ++i)
      EXPECT_TRUE(put(*catalog, fmt::format("key-{}", i), std::string(500, 'v')));
    catalog->finish();
  }
  for (const auto& file : std::filesystem::directory_iterator(directory_)) {
    if (file.path().extension() != ".log" || file.file_size() == 0) continue;
    std::fstream log(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    log.seekp(300);
    log.put('X');
  }
  const auto opened = RocksCatalog::open(directory_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), ErrorCode::kCorrupt);
  EXPECT_NE(opened.error().message().find("restore"), std::string::npos) << opened.error().message();
}

}  // namespace
}  // namespace penstock::catalog
