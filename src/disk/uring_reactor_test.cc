#include "disk/uring_reactor.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <string_view>
#include <vector>

#include "disk/testing/real_disks.h"
#include "disk/uring_disk.h"

namespace penstock {
namespace {

class UringReactorTest : public testing::Test {
 protected:
  void make_ring(UringOptions options = {}) {
    Result<std::unique_ptr<UringReactor>> made = UringReactor::create(options);
    if (!made) GTEST_SKIP() << made.error().message();
    ring_ = std::move(*made);
    scheduler_.emplace(clock_, *ring_);
  }

  SystemClock clock_;
  std::unique_ptr<UringReactor> ring_;
  std::optional<Scheduler> scheduler_;
};

Task<void> do_nothing(UringReactor& ring, Scheduler& scheduler, int& ended_count) {
  io_uring_sqe entry;
  io_uring_prep_nop(&entry);
  if (co_await ring.call(scheduler, entry) == 0) ++ended_count;
}

Task<void> wait_for(Scheduler& scheduler, const int& count, int goal) {
  while (count < goal) co_await scheduler.yield();
}

TEST_F(UringReactorTest, MoreOperationsThanEntriesAllComplete) {
  make_ring({.submission_entries = 4, .completion_entries = 8});
  if (!ring_) return;
  int ended_count = 0;
  for (int i = 0; i < 1000; ++i) scheduler_->spawn(do_nothing(*ring_, *scheduler_, ended_count));
  scheduler_->run(wait_for(*scheduler_, ended_count, 1000));
  EXPECT_GT(ring_->stats().queue_full_count, 0U);
  EXPECT_EQ(ring_->stats().completed_count, 1000U);
  EXPECT_EQ(ring_->in_flight_count(), 0U);
}

Task<void> wait_on_timer(UringReactor& ring, Scheduler& scheduler, std::chrono::milliseconds delay) {
  __kernel_timespec time{.tv_sec = 0, .tv_nsec = std::chrono::nanoseconds(delay).count()};
  io_uring_sqe entry;
  io_uring_prep_timeout(&entry, &time, 0, 0);
  (void)co_await ring.call(scheduler, entry);
}

TEST_F(UringReactorTest, TimeInSubmissionsIsMeasuredAndWaitsAreNot) {
  make_ring({.time_every = 1});
  if (!ring_) return;
  constexpr auto kDelay = std::chrono::milliseconds(200);
  for (int i = 0; i < 3; ++i) scheduler_->run(wait_on_timer(*ring_, *scheduler_, kDelay));
  EXPECT_GT(ring_->submitting_time(), Duration::zero());
  EXPECT_LT(ring_->submitting_time(), kDelay) << "of 600 ms that it waited";
}

TEST_F(UringReactorTest, OfSubmissionsWithAWaitEveryNthIsMadeByItself) {
  constexpr int kCount = 100;
  constexpr auto kDelay = std::chrono::milliseconds(1);
  std::vector<std::uint64_t> enters;
  for (const unsigned every : {0U, 10U, 1U}) {
    make_ring({.time_every = every});
    if (!ring_) return;
    for (int i = 0; i < kCount; ++i) scheduler_->run(wait_on_timer(*ring_, *scheduler_, kDelay));
    enters.push_back(ring_->stats().enter_count);
    EXPECT_EQ(ring_->submitting_time() > Duration::zero(), every > 0);
  }
  EXPECT_GE(enters[1], enters[0] + kCount / 20);
  EXPECT_LE(enters[1], enters[0] + kCount / 5);
  EXPECT_GE(enters[2], enters[0] + kCount / 2);
}

Task<void> write_blocks(File& file, int count, bool& succeeded) {
  succeeded = true;
  for (int i = 0; i < count; ++i) {
    const FilePosition to{i * kBlockBytes};
    const Result<void> written = co_await file.write(to, pattern(kBlockBytes, i), Durability::kDevice);
    succeeded = succeeded && written.has_value();
  }
}

TEST_F(UringReactorTest, ADurableWriteCostsOneSystemCall) {
  const auto under_test = RealDiskUnderTest::make(RealMake::kUring, IoMode::kBuffered);
  if (!under_test) GTEST_SKIP() << "no io_uring";
  auto made = UringReactor::create();
  ASSERT_TRUE(made);
  Scheduler scheduler(clock_, **made);
  UringDisk disk(IoMode::kBuffered, scheduler, **made, under_test->stack().pool());
  auto file = scheduler.run(disk.open(under_test->root() + "/file", {.write = true, .create = true}));
  ASSERT_TRUE(file);
  const std::uint64_t before = (*made)->stats().enter_count;
  bool succeeded = false;
  scheduler.run(write_blocks(**file, 100, succeeded));
  EXPECT_TRUE(succeeded);
  // One to spare: the turn in which the task starts polls before anything is submitted.
  EXPECT_LE((*made)->stats().enter_count - before, 101U);
}

class SocketPair {
 public:
  SocketPair() {
    std::array<int, 2> ends{};
    PENSTOCK_ASSERT(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0,
                    "socketpair");
    left = Descriptor(ends[0]);
    right = Descriptor(ends[1]);
  }
  Descriptor left;
  Descriptor right;
};

Task<int> receive(UringReactor& ring, Scheduler& scheduler, int socket, std::span<char> into) {
  io_uring_sqe entry;
  io_uring_prep_recv(&entry, socket, into.data(), into.size(), 0);
  co_return co_await ring.call(scheduler, entry);
}

Task<void> receive_into(UringReactor& ring, Scheduler& scheduler, int socket, std::string& received,
                        int& ended_count) {
  std::array<char, 64> buffer{};
  const int size = co_await receive(ring, scheduler, socket, buffer);
  if (size >= 0) received.assign(buffer.data(), static_cast<std::size_t>(size));
  ++ended_count;
}

Task<int> send(UringReactor& ring, Scheduler& scheduler, int socket, std::string_view text) {
  io_uring_sqe entry;
  io_uring_prep_send(&entry, socket, text.data(), text.size(), 0);
  co_return co_await ring.call(scheduler, entry);
}

TEST_F(UringReactorTest, SocketsAreServedByTheSameRing) {
  make_ring();
  if (!ring_) return;
  const SocketPair pair;
  std::string received;
  int ended_count = 0;
  scheduler_->spawn(receive_into(*ring_, *scheduler_, pair.left.get(), received, ended_count));
  EXPECT_EQ(scheduler_->run(send(*ring_, *scheduler_, pair.right.get(), "water")), 5);
  scheduler_->run(wait_for(*scheduler_, ended_count, 1));
  EXPECT_EQ(received, "water");
}

// Notes the completion instead of resuming a coroutine.
class NotedOperation final : public UringOperation {
 public:
  void complete(int result, unsigned /*flags*/) override { results.push_back(result); }
  std::vector<int> results;
};

TEST_F(UringReactorTest, ACancelledOperationStillCompletes) {
  make_ring();
  if (!ring_) return;
  const SocketPair pair;
  char byte = 0;
  io_uring_sqe entry;
  io_uring_prep_recv(&entry, pair.left.get(), &byte, 1, 0);
  NotedOperation operation;
  ring_->start(operation, entry);
  ring_->poll(Duration::zero());
  EXPECT_TRUE(operation.is_in_flight());
  EXPECT_TRUE(ring_->cancel(operation));
  while (operation.is_in_flight()) ring_->poll(Reactor::kForever);
  EXPECT_EQ(operation.results, std::vector<int>{-ECANCELED});
  EXPECT_TRUE(ring_->cancel(operation)) << "cancelling what has ended does nothing";
}

TEST_F(UringReactorTest, AMultishotOperationCompletesUntilItsLast) {
  make_ring();
  if (!ring_) return;
  const SocketPair pair;
  io_uring_sqe entry;
  io_uring_prep_poll_multishot(&entry, pair.left.get(), POLLIN);
  NotedOperation operation;
  ring_->start(operation, entry);
  for (std::size_t i = 1; i <= 3; ++i) {
    ASSERT_EQ(::write(pair.right.get(), "x", 1), 1);
    while (operation.results.size() < i) ring_->poll(Reactor::kForever);
    EXPECT_TRUE(operation.is_in_flight());
  }
  EXPECT_TRUE(ring_->cancel(operation));
  while (operation.is_in_flight()) ring_->poll(Reactor::kForever);
}

TEST_F(UringReactorTest, DestroyingAnOperationInFlightIsABug) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto destroy_in_flight = [this] {
    make_ring();
    const SocketPair pair;
    char byte = 0;
    io_uring_sqe entry;
    io_uring_prep_recv(&entry, pair.left.get(), &byte, 1, 0);
    const NotedOperation operation;
    ring_->start(const_cast<NotedOperation&>(operation), entry);
  };
  if (!UringReactor::create()) GTEST_SKIP() << "no io_uring";
  EXPECT_DEATH(destroy_in_flight(), "destroyed in flight");
}

TEST_F(UringReactorTest, OpcodesAreAskedFor) {
  make_ring();
  if (!ring_) return;
  EXPECT_TRUE(ring_->supports(IORING_OP_WRITE));
  EXPECT_FALSE(ring_->supports(255));
  EXPECT_FALSE(ring_->supports(100'000));
}

}  // namespace
}  // namespace penstock
