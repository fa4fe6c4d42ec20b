#include "base/device_copy.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "base/units.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace penstock {

namespace {

constexpr std::size_t kLargeBytes = 64 * kKiB;

#ifdef __SSE2__
constexpr std::size_t kLineBytes = 64;

// Whole cache lines to an address that starts one.
void stream_lines(std::byte* to, const std::byte* from, std::size_t size_bytes) {
  for (std::size_t at = 0; at < size_bytes; at += kLineBytes) {
    const auto* source = reinterpret_cast<const __m128i*>(from + at);
    auto* target = reinterpret_cast<__m128i*>(to + at);
    const __m128i first = _mm_loadu_si128(source);
    const __m128i second = _mm_loadu_si128(source + 1);
    const __m128i third = _mm_loadu_si128(source + 2);
    const __m128i fourth = _mm_loadu_si128(source + 3);
    _mm_stream_si128(target, first);
    _mm_stream_si128(target + 1, second);
    _mm_stream_si128(target + 2, third);
    _mm_stream_si128(target + 3, fourth);
  }
  _mm_sfence();  // such stores are not ordered with those that hand the memory on
}
#endif

}  // namespace

void copy_for_device(MutableBytes to, ByteView from) {
  PENSTOCK_ASSERT(from.size() <= to.size(), "a copy that is larger than its place");
  if (from.empty()) return;
#ifdef __SSE2__
  if (from.size() >= kLargeBytes) {
    const auto address = reinterpret_cast<std::uintptr_t>(to.data());
    const std::size_t head_bytes = align_up(address, kLineBytes) - address;
    std::memcpy(to.data(), from.data(), head_bytes);
    const std::size_t lines_bytes = align_down(from.size() - head_bytes, kLineBytes);
    stream_lines(to.data() + head_bytes, from.data() + head_bytes, lines_bytes);
    const std::size_t done_bytes = head_bytes + lines_bytes;
    to = to.subspan(done_bytes);
    from = from.subspan(done_bytes);
    if (from.empty()) return;
  }
#endif
  std::memcpy(to.data(), from.data(), from.size());
}

}  // namespace penstock
