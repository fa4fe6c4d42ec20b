// Whatever a client sends, in whatever pieces: FrameReader brings the frames that are in it, whole and
// in order, and ends where the stream cannot be followed. The input's first bytes say how it is cut.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/assert.h"
#include "server/frame_reader.h"
#include "server/testing/stream_socket.h"
#include "task/sim_reactor.h"

namespace penstock::server {
namespace {

constexpr std::uint32_t kMaxFrameBytes = 300 * 1024;
constexpr std::uint64_t kConnectionBytes = 64 * kKiB;
constexpr std::uint64_t kShardBytes = 128 * kKiB;

// The frames at the beginning of a stream; whether it goes on in a way that can be followed.
struct Expected {
  std::vector<ByteView> frames;
  bool ends_well = true;
};

Expected split(ByteView stream) {
  Expected expected;
  while (!stream.empty()) {
    expected.ends_well = false;
    if (stream.size() < kafka::kFrameSizeBytes) break;
    const std::int32_t size = load_be<std::int32_t>(stream, 0);
    stream = stream.subspan(kafka::kFrameSizeBytes);
    if (size < 0 || static_cast<std::uint32_t>(size) > kMaxFrameBytes) break;
    if (stream.size() < static_cast<std::size_t>(size)) break;
    expected.frames.push_back(stream.first(static_cast<std::size_t>(size)));
    stream = stream.subspan(static_cast<std::size_t>(size));
    expected.ends_well = true;
  }
  return expected;
}

Task<void> read_all(FrameReader& reader, const Expected& expected) {
  for (const ByteView frame : expected.frames) {
    auto got = co_await reader.next();
    PENSTOCK_ASSERT(got && *got, "a whole frame was not brought");
    PENSTOCK_ASSERT(std::ranges::equal((*got)->bytes.view(), frame),
                    "a frame was brought with other bytes");
    PENSTOCK_ASSERT((*got)->lease.bytes() >= frame.size(), "a frame was brought that nobody paid for");
  }
  const auto end = co_await reader.next();
  PENSTOCK_ASSERT(end.has_value() == expected.ends_well && (!end || !*end),
                  "the stream ends otherwise than it should");
}

void try_stream(ByteView input) {
  constexpr std::size_t kSizesBytes = 3;
  if (input.size() < kSizesBytes) return;
  const auto number = [&input](std::size_t i) { return std::to_integer<std::size_t>(input[i]); };
  const std::size_t first_size = 1 + number(0);
  const std::size_t second_size = 1 + number(1) + 256 * number(2);
  const ByteView stream = input.subspan(kSizesBytes);

  ManualClock clock;
  SimReactor reactor(clock);
  Scheduler scheduler(clock, reactor);
  RequestMemory memory(scheduler, kShardBytes);
  RequestBudget budget(scheduler, kConnectionBytes, memory);
  StreamSocket io(stream, {first_size, second_size});
  std::uint64_t received_bytes = 0;
  {
    FrameReader reader(io, -1, {.max_frame_bytes = kMaxFrameBytes}, budget, clock, received_bytes);
    scheduler.run(read_all(reader, split(stream)));
  }
  PENSTOCK_ASSERT(memory.used_bytes() == 0, "memory of requests that are gone still counts");
  PENSTOCK_ASSERT(received_bytes <= stream.size(), "more was received than was sent");
}

}  // namespace
}  // namespace penstock::server

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::server::try_stream(std::as_bytes(std::span(data, size)));
  return 0;
}
