// What requests take of a shard's memory, as they arrive or do not.
#include "server/frame_reader.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "server/testing/stream_socket.h"
#include "task/sim_reactor.h"

namespace penstock::server {
namespace {

class FrameReaderTest : public ::testing::Test {
 protected:
  // A connection whose peer sends `sent_bytes` of a frame, and then nothing more until the test is
  // over.
  struct Peer {
    Peer(FrameReaderTest& test, std::size_t frame_bytes, std::size_t sent_bytes)
        : stream(kafka::kFrameSizeBytes + sent_bytes),
          socket(stream, {64 * kKiB, 64 * kKiB}, &test.end_),
          budget(test.scheduler_, 256 * kMiB, test.memory_),
          reader(socket, -1, {.max_frame_bytes = 100 * kMiB}, budget, test.clock_, received_bytes) {
      store_be<std::int32_t>(stream, 0, static_cast<std::int32_t>(frame_bytes));
      test.scheduler_.spawn(read(*this));
    }
    static Task<void> read(Peer& peer) {
      const auto frame = co_await peer.reader.next();
      peer.has_frame = frame && *frame;
    }

    std::vector<std::byte> stream;
    StreamSocket socket;
    RequestBudget budget;
    std::uint64_t received_bytes = 0;
    FrameReader reader;
    bool has_frame = false;
  };

  ~FrameReaderTest() override {
    end_.set();
    settle();
  }
  // Everybody sends, and reads, as far as they get.
  Peer& peer(std::size_t frame_bytes, std::size_t sent_bytes) {
    peers_.push_back(std::make_unique<Peer>(*this, frame_bytes, sent_bytes));
    settle();
    return *peers_.back();
  }
  bool arrives(std::size_t frame_bytes) { return peer(frame_bytes, frame_bytes).has_frame; }
  static Task<void> sleep(Scheduler& scheduler) { co_await scheduler.sleep_for(Duration(1)); }
  void settle() { scheduler_.run(sleep(scheduler_)); }

  ManualClock clock_;
  SimReactor reactor_{clock_};
  Scheduler scheduler_{clock_, reactor_};
  RequestMemory memory_{scheduler_, 2 * kMiB};
  Event end_{scheduler_};
  std::vector<std::unique_ptr<Peer>> peers_;
};

TEST_F(FrameReaderTest, FramesOfEverySizeArrive) {
  for (const std::size_t size : {std::size_t{1}, 5 * kKiB, 64 * kKiB, 256 * kKiB, kMiB, 5 * kMiB})
    EXPECT_TRUE(arrives(size)) << size;
  EXPECT_EQ(memory_.used_bytes(), 0U);
}

TEST_F(FrameReaderTest, AnnouncingMuchTakesAStepOfMemoryAndOnlyWhenTheReceiveBufferIsFull) {
  peer(100 * kMiB, FrameReader::kBufferBytes - 5);
  EXPECT_EQ(memory_.used_bytes(), 0U);
  peer(100 * kMiB, FrameReader::kBufferBytes);
  EXPECT_EQ(memory_.used_bytes(), FrameReader::kClaimBytes);
}

// The eighth is 256 KiB: what asks for more, and would have to wait for the large ones, must not stand
// in front of what asks for less.
TEST_F(FrameReaderTest, LargeRequestsThatHaveStoppedHoldUpNoSmallOnes) {
  for (int i = 0; i < 8; ++i) peer(10 * kMiB, 300 * kKiB);
  EXPECT_TRUE(memory_.is_short());
  EXPECT_FALSE(arrives(900 * kKiB));
  EXPECT_TRUE(arrives(100));
  EXPECT_TRUE(arrives(200 * kKiB));
}

}  // namespace
}  // namespace penstock::server
