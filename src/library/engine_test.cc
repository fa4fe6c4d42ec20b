#include "penstock/engine.h"

#include <sys/epoll.h>

#include <array>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "disk/descriptor.h"
#include "library/testing/engine_fixture.h"

namespace penstock {

namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

// A loop of somebody else's that waits for an engine.
class ForeignLoop {
 public:
  explicit ForeignLoop(Engine& engine) : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    epoll_event event{.events = EPOLLIN, .data = {}};
    EXPECT_EQ(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, engine.poll_fd().value(), &event), 0);
  }

  bool is_readable(std::chrono::milliseconds within) {
    const steady_clock::time_point deadline = steady_clock::now() + within;
    while (true) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now());
      epoll_event event;
      const int count =
          ::epoll_wait(epoll_.get(), &event, 1, std::max(0, static_cast<int>(left.count())));
      if (count >= 0) return count == 1;
      EXPECT_EQ(errno, EINTR);
    }
  }

 private:
  Descriptor epoll_;
};

using EngineLoopTest = EngineTest;

TEST_P(EngineLoopTest, SaysWhichKindItIsAndWhy) {
  EXPECT_EQ(engine().uses_io_uring(), GetParam() == UringUse::kOn);
  EXPECT_FALSE(engine().io_uring_reason().empty());
}

TEST_P(EngineLoopTest, RefusesOptionsOutOfTheirRange) {
  for (const EngineOptions options :
       {EngineOptions{.worker_threads = 0}, EngineOptions{.worker_threads = 257},
        EngineOptions{.pending_max = 0}, EngineOptions{.pending_max = (1U << 20U) + 1}}) {
    const Result<Engine> made = Engine::create(options);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(made.error().message().find("must be 1 to"), std::string::npos);
  }
}

TEST_P(EngineLoopTest, CallbacksRunInPollAndNeverInSubmit) {
  write(path("a"), "hello");
  ReadFile file = ReadFile::open(engine(), path("a")).value();
  std::array<std::byte, 5> bytes{};
  int runs = 0;
  ASSERT_TRUE(file.submit_read(0, bytes, [&](Result<std::size_t> size) {
    ++runs;
    EXPECT_EQ(size, 5U);
  }));
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(runs, 0);
  EXPECT_EQ(engine().pending(), 1U);
  finish();
  EXPECT_EQ(runs, 1);
}

TEST_P(EngineLoopTest, CallbacksNeverRunInABlockingCall) {
  write(path("a"), "hello");
  ReadFile file = ReadFile::open(engine(), path("a")).value();
  std::array<std::byte, 5> bytes{};
  bool ran = false;
  ASSERT_TRUE(file.submit_read(0, bytes, [&](Result<std::size_t>) { ran = true; }));
  for (int i = 0; i < 20; ++i) {
    std::array<std::byte, 5> others{};
    ASSERT_EQ(file.read(0, others), 5U);
  }
  EXPECT_FALSE(ran);
  EXPECT_EQ(engine().wait(10s), 1U);
  EXPECT_TRUE(ran);
}

TEST_P(EngineLoopTest, ACallbackMaySubmitAndUseTheBlockingDoor) {
  write(path("a"), "hello");
  ReadFile file = ReadFile::open(engine(), path("a")).value();
  std::array<std::byte, 5> first{};
  std::array<std::byte, 5> second{};
  std::string trail;
  const auto last = [&](Result<std::size_t>) { trail += "last "; };
  ASSERT_TRUE(file.submit_read(0, first, [&](Result<std::size_t>) {
    trail += "first ";
    EXPECT_EQ(file.size(), 5U);
    EXPECT_TRUE(file.submit_read(0, second, last));
    trail += "submitted ";
  }));
  finish();
  EXPECT_EQ(trail, "first submitted last ");
}

TEST_P(EngineLoopTest, AnExceptionLeavesPollAndTheCallbacksBehindItRunLater) {
  write(path("a"), "hello");
  ReadFile file = ReadFile::open(engine(), path("a")).value();
  std::array<std::array<std::byte, 5>, 2> bytes{};
  int runs = 0;
  for (std::array<std::byte, 5>& into : bytes) {
    ASSERT_TRUE(file.submit_read(0, into, [&](Result<std::size_t>) {
      if (++runs == 1) throw std::runtime_error("from a callback");
    }));
  }
  EXPECT_THROW(
      {
        while (runs == 0) engine().wait(10s);
      },
      std::runtime_error);
  EXPECT_EQ(engine().pending(), 1U);
  finish();
  EXPECT_EQ(runs, 2);
}

TEST_P(EngineLoopTest, WaitReturnsAtOnceWhenNothingIsPendingAndAfterItsTimeoutElse) {
  const steady_clock::time_point start = steady_clock::now();
  EXPECT_EQ(engine().wait(10s), 0U);
  EXPECT_EQ(engine().wait(std::chrono::nanoseconds::max()), 0U);
  EXPECT_LT(steady_clock::now() - start, 5s);

  write(path("a"), "hello");
  ReadFile file = ReadFile::open(engine(), path("a")).value();
  std::array<std::byte, 5> bytes{};
  ASSERT_TRUE(file.submit_read(0, bytes, [](Result<std::size_t>) {}));
  EXPECT_EQ(engine().wait(std::chrono::nanoseconds::max()), 1U);
  ASSERT_TRUE(file.submit_read(0, bytes, [](Result<std::size_t>) {}));
  engine().wait(-1s);
  finish();

  const std::string much = pattern(16 << 20);
  AppendFile log = AppendFile::create(engine(), path("log"), {.buffer_bytes = 64 << 10}).value();
  ASSERT_TRUE(log.submit_append(much, [](Result<std::uint64_t>) {}));
  EXPECT_EQ(engine().wait(-1s), 0U);
  EXPECT_EQ(engine().wait(1us), 0U);
  EXPECT_EQ(engine().pending(), 1U);
  finish();
}

TEST_P(EngineLoopTest, MoreThanPendingMaxIsRefusedAndItsCallbackDropped) {
  Engine small = Engine::create({.io_uring = GetParam(), .pending_max = 2}).value();
  write(path("a"), "hello");
  ReadFile file = ReadFile::open(small, path("a")).value();
  std::array<std::byte, 5> bytes{};
  int runs = 0;
  const auto count = [&](Result<std::size_t>) { ++runs; };
  ASSERT_TRUE(file.submit_read(0, bytes, count));
  ASSERT_TRUE(file.submit_read(0, bytes, count));
  const Result<void> third = file.submit_read(0, bytes, count);
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code(), ErrorCode::kBusy);
  EXPECT_NE(third.error().message().find("poll"), std::string::npos);
  while (small.pending() > 0) small.wait(10s);
  EXPECT_EQ(runs, 2);
  EXPECT_TRUE(file.submit_read(0, bytes, count));
  while (small.pending() > 0) small.wait(10s);
}

// --- In a loop of somebody else's ---

TEST_P(EngineLoopTest, PollFdWakesAForeignLoopForEverythingThatEnds) {
  const std::string text = pattern(1 << 20);
  write(path("a"), text);
  ReadFile file = ReadFile::open(engine(), path("a")).value();
  AppendFile log = AppendFile::create(engine(), path("log")).value();
  ForeignLoop loop(engine());

  std::vector<std::vector<std::byte>> pieces(64, std::vector<std::byte>(5000));
  std::size_t ended = 0;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    ASSERT_TRUE(file.submit_read(i * 9000, pieces[i], [&](Result<std::size_t> size) {
      EXPECT_EQ(size, 5000U);
      ++ended;
    }));
    ASSERT_TRUE(log.submit_append(std::string_view(text).substr(0, 100), [&](Result<std::uint64_t> at) {
      EXPECT_TRUE(at);
      ++ended;
    }));
    ASSERT_TRUE(log.submit_sync([&](Result<void> synced) {
      EXPECT_TRUE(synced);
      ++ended;
    }));
  }
  while (ended < 3 * pieces.size()) {
    ASSERT_TRUE(loop.is_readable(10s)) << ended << " ended";
    engine().poll();
  }
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    ASSERT_EQ(std::memcmp(pieces[i].data(), text.data() + i * 9000, 5000), 0);
  }
}

TEST_P(EngineLoopTest, PollFdWakesForWhatWasSubmittedInACallback) {
  write(path("a"), "hello");
  ReadFile file = ReadFile::open(engine(), path("a")).value();
  ForeignLoop loop(engine());
  std::array<std::byte, 5> bytes{};
  int left = 200;
  std::function<void(Result<std::size_t>)> again = [&](Result<std::size_t>) {
    if (--left > 0) EXPECT_TRUE(file.submit_read(0, bytes, again));
  };
  ASSERT_TRUE(file.submit_read(0, bytes, again));
  while (left > 0) {
    ASSERT_TRUE(loop.is_readable(10s)) << left << " left";
    engine().poll();
  }
}

TEST_P(EngineLoopTest, PollFdWakesForWhatEndedDuringABlockingCall) {
  write(path("a"), "hello");
  ReadFile file = ReadFile::open(engine(), path("a")).value();
  ForeignLoop loop(engine());
  for (int round = 0; round < 50; ++round) {
    std::array<std::byte, 5> bytes{};
    std::array<std::byte, 5> others{};
    ASSERT_TRUE(file.submit_read(0, bytes, [](Result<std::size_t>) {}));
    ASSERT_EQ(file.read(0, others), 5U);
    while (engine().pending() > 0) {
      ASSERT_TRUE(loop.is_readable(10s)) << "round " << round;
      engine().poll();
    }
  }
}

// Each step of an operation on a log starts when the one before has ended, and that may be in the last
// turn of somebody's blocking call.
TEST_P(EngineLoopTest, ABlockingCallDoesNotLeaveTheStepsOfOthersBehind) {
  write(path("a"), "hello");
  ReadFile file = ReadFile::open(engine(), path("a")).value();
  AppendFile log = AppendFile::create(engine(), path("log"), {.buffer_bytes = 4096}).value();
  ForeignLoop loop(engine());
  const std::string text = pattern(10'000);
  for (int round = 0; round < 100; ++round) {
    int left = 3;
    const auto ended = [&left](const Result<void>& result) { left -= result ? 1 : 0; };
    ASSERT_TRUE(log.submit_append(text, [&left](Result<std::uint64_t> at) { left -= at ? 1 : 0; }));
    ASSERT_TRUE(log.submit_flush(ended));
    ASSERT_TRUE(log.submit_sync(ended));
    for (int i = 0; i < 8; ++i) {
      std::array<std::byte, 5> bytes{};
      ASSERT_EQ(file.read(0, bytes), 5U);
    }
    while (left > 0) {
      ASSERT_TRUE(loop.is_readable(10s)) << "round " << round;
      engine().poll();
    }
  }
}

TEST_P(EngineLoopTest, PollFdIsQuietWhenThereIsNothingToDo) {
  write(path("a"), "hello");
  ReadFile file = ReadFile::open(engine(), path("a")).value();
  ForeignLoop loop(engine());
  std::array<std::byte, 5> bytes{};
  ASSERT_TRUE(file.submit_read(0, bytes, [](Result<std::size_t>) {}));
  finish();
  // What was still on its way, such as a wake-up, may show once or twice more.
  for (int i = 0; i < 5 && loop.is_readable(50ms); ++i) engine().poll();
  EXPECT_FALSE(loop.is_readable(50ms));
}

TEST_P(EngineLoopTest, PollFdStaysTheSame) {
  const int fd = engine().poll_fd().value();
  Engine moved = std::move(engine());
  EXPECT_EQ(moved.poll_fd(), fd);
}

// --- The end ---

TEST_P(EngineLoopTest, DestroyingAnEngineEndsWhatIsInFlightAndDropsItsCallbacks) {
  const std::string text = pattern(1 << 20);
  auto held = std::make_shared<int>();
  bool ran = false;
  {
    AppendFile log = AppendFile::create(engine(), path("log")).value();
    ASSERT_TRUE(log.submit_append(text, [held, &ran](Result<std::uint64_t>) { ran = true; }));
    engine_->poll_fd().value();
  }
  engine_.reset();
  EXPECT_FALSE(ran);
  EXPECT_EQ(held.use_count(), 1);
}

TEST_P(EngineLoopTest, ACallbackMayHoldTheLastReferenceToAFile) {
  auto log = std::make_shared<AppendFile>(AppendFile::create(engine(), path("log")).value());
  ASSERT_TRUE(log->submit_append("x", [log](Result<std::uint64_t>) {}));
  log.reset();
  engine_.reset();
}

TEST_P(EngineLoopTest, AFileThatOutlivesItsEngineAborts) {
  EXPECT_DEATH(
      {
        AppendFile log = AppendFile::create(engine(), path("log")).value();
        engine_.reset();
      },
      "an Engine was destroyed before the files");
}

TEST_P(EngineLoopTest, UseByASecondThreadAborts) {
  EXPECT_DEATH(
      {
        engine().poll();
        std::thread([this] { engine().poll(); }).join();
      },
      "used by another thread");
}

TEST_P(EngineLoopTest, AnEngineMayBeMadeByOneThreadAndUsedByAnother) {
  std::thread([this] {
    Engine mine = std::move(engine());
    AppendFile log = AppendFile::create(mine, path("log")).value();
    EXPECT_TRUE(log.append("x"));
    EXPECT_TRUE(log.seal());
  }).join();
}

TEST_P(EngineLoopTest, PollInACallbackAborts) {
  write(path("a"), "hello");
  ReadFile file = ReadFile::open(engine(), path("a")).value();
  std::array<std::byte, 5> bytes{};
  const auto poll_again = [this](Result<std::size_t>) { engine().poll(); };
  EXPECT_DEATH(
      {
        if (file.submit_read(0, bytes, poll_again)) finish();
      },
      "called in a callback");
}

// --- Names ---

TEST_P(EngineLoopTest, RenameReplacesAndRemoveRemoves) {
  write(path("a"), "new");
  write(path("b"), "old");
  ASSERT_TRUE(engine().rename(path("a"), path("b")));
  EXPECT_EQ(contents(path("b")), "new");
  EXPECT_FALSE(std::filesystem::exists(path("a")));
  ASSERT_TRUE(engine().remove(path("b")));
  EXPECT_FALSE(std::filesystem::exists(path("b")));

  const Result<void> gone = engine().remove(path("b"));
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(gone.error().message().find(path("b")), std::string::npos);
  EXPECT_EQ(engine().rename(path("a"), path("b")).error().code(), ErrorCode::kNotFound);
}

INSTANTIATE_TEST_SUITE_P(Makes, EngineLoopTest, testing::Values(UringUse::kOn, UringUse::kOff),
                         name_of_make);

}  // namespace

}  // namespace penstock
