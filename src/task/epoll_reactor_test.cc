#include "task/epoll_reactor.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <optional>
#include <thread>

namespace penstock {
namespace {

using namespace std::chrono_literals;

class EpollReactorTest : public testing::Test {
 protected:
  EpollReactorTest() : reactor_(std::move(*EpollReactor::create())), scheduler_(clock_, *reactor_) {
    PENSTOCK_ASSERT(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends_.data()) == 0,
                    "socketpair");
  }
  ~EpollReactorTest() override {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }

  Task<void> note_readable(std::optional<Result<void>>& result) {
    result.emplace(co_await reactor_->readable(scheduler_, ends_[0]));
  }
  Task<void> note_writable(std::optional<Result<void>>& result) {
    result.emplace(co_await reactor_->writable(scheduler_, ends_[0]));
  }
  Task<void> sleep(Duration delay) { co_await scheduler_.sleep_for(delay); }
  // Long enough for everything that is ready to have been seen.
  void settle() { scheduler_.run(sleep(2ms)); }

  void send_byte() { ASSERT_EQ(::write(ends_[1], "x", 1), 1); }
  void fill_socket() {
    const std::array<char, 4096> bytes{};
    while (::write(ends_[0], bytes.data(), bytes.size()) > 0) {
    }
  }
  void drain_other_end() {
    std::array<char, 4096> bytes{};
    while (::read(ends_[1], bytes.data(), bytes.size()) > 0) {
    }
  }

  SystemClock clock_;
  std::unique_ptr<EpollReactor> reactor_;
  Scheduler scheduler_;
  std::array<int, 2> ends_{};
};

TEST_F(EpollReactorTest, AReaderWaitsUntilThereIsSomethingToRead) {
  std::optional<Result<void>> result;
  scheduler_.spawn(note_readable(result));
  settle();
  EXPECT_FALSE(result);
  send_byte();
  settle();
  ASSERT_TRUE(result);
  EXPECT_TRUE(*result);
}

TEST_F(EpollReactorTest, AReaderIsToldOfWhatWasThereBefore) {
  send_byte();
  std::optional<Result<void>> result;
  scheduler_.run(note_readable(result));
  EXPECT_TRUE(*result);
}

TEST_F(EpollReactorTest, EachWaitIsForOneEvent) {
  send_byte();
  for (int i = 0; i < 3; ++i) {
    std::optional<Result<void>> result;
    scheduler_.run(note_readable(result));
    EXPECT_TRUE(*result);
  }
}

TEST_F(EpollReactorTest, AReaderAndAWriterMayWaitTogether) {
  fill_socket();
  std::optional<Result<void>> read_result;
  std::optional<Result<void>> write_result;
  scheduler_.spawn(note_readable(read_result));
  scheduler_.spawn(note_writable(write_result));
  settle();
  EXPECT_FALSE(read_result);
  EXPECT_FALSE(write_result);
  drain_other_end();
  settle();
  EXPECT_TRUE(write_result);
  EXPECT_FALSE(read_result) << "the writer's event must not end the reader's wait";
  send_byte();
  settle();
  EXPECT_TRUE(read_result);
}

TEST_F(EpollReactorTest, AHangUpEndsBothWaits) {
  fill_socket();
  std::optional<Result<void>> read_result;
  std::optional<Result<void>> write_result;
  scheduler_.spawn(note_readable(read_result));
  scheduler_.spawn(note_writable(write_result));
  settle();
  ::close(ends_[1]);
  settle();
  EXPECT_TRUE(read_result);
  EXPECT_TRUE(write_result);
  ends_[1] = ::dup(ends_[0]);
}

TEST_F(EpollReactorTest, ForgetEndsWaitsAsClosed) {
  std::optional<Result<void>> result;
  scheduler_.spawn(note_readable(result));
  settle();
  reactor_->forget(ends_[0]);
  settle();
  ASSERT_TRUE(result);
  ASSERT_FALSE(*result);
  EXPECT_EQ(result->error().code(), ErrorCode::kClosed);
}

TEST_F(EpollReactorTest, ANumberClosedWithoutForgetMayBeUsedAnew) {
  send_byte();
  std::optional<Result<void>> result;
  scheduler_.run(note_readable(result));
  const int old_number = ends_[0];
  ::close(ends_[0]);
  std::array<int, 2> pipe_ends{};
  ASSERT_EQ(::pipe2(pipe_ends.data(), O_NONBLOCK), 0);
  ASSERT_EQ(pipe_ends[0], old_number);
  ASSERT_EQ(::write(pipe_ends[1], "x", 1), 1);
  ends_[0] = pipe_ends[0];
  scheduler_.run(note_readable(result));
  EXPECT_TRUE(*result);
  ::close(pipe_ends[1]);
}

TEST_F(EpollReactorTest, ARegularFileCannotBeWaitedFor) {
  const int socket = ends_[0];
  ends_[0] = ::open(".", O_TMPFILE | O_RDWR, 0600);
  if (ends_[0] < 0) {
    ends_[0] = socket;
    GTEST_SKIP() << "no O_TMPFILE here";
  }
  std::optional<Result<void>> result;
  scheduler_.run(note_readable(result));
  ASSERT_FALSE(*result);
  EXPECT_EQ(result->error().code(), ErrorCode::kPermission);
  ::close(socket);
}

TEST_F(EpollReactorTest, AWakeFromAnotherThreadEndsAnEndlessPoll) {
  std::thread other([this] { reactor_->wake(); });
  reactor_->poll(Reactor::kForever);
  other.join();
}

}  // namespace
}  // namespace penstock
