#include "kafka/reader.h"

#include <algorithm>

#include "base/assert.h"

namespace penstock::kafka {

void Reader::fail(ErrorCode code, std::string_view what) {
  if (error_.has_value()) return;
  error_ = Error(code, fmt::format("field {} at byte {}: {}", field_, at_, what));
}

void Reader::fail_short(std::size_t size_bytes) {
  if (!ok()) return;
  fail(ErrorCode::kCorrupt, fmt::format("needs {} bytes, {} are left", size_bytes, remaining()));
}

Uuid Reader::uuid() {
  Uuid uuid;
  const ByteView bytes = take(uuid.bytes.size());
  std::ranges::copy(bytes, uuid.bytes.begin());
  return uuid;
}

std::uint64_t Reader::variable(int max_bytes, int max_bits) {
  std::uint64_t value = 0;
  for (int index = 0; index < max_bytes; ++index) {
    const auto byte = integer<std::uint8_t>();
    if (!ok()) return 0;
    const std::uint64_t bits = byte & 0x7FU;
    const int shift = 7 * index;
    if (const int room = max_bits - shift; room < 7 && (bits >> room) != 0) break;
    value |= bits << shift;
    if ((byte & 0x80U) == 0) return value;
  }
  fail(ErrorCode::kCorrupt, fmt::format("variable-width integer of more than {} bits", max_bits));
  return 0;
}

std::int32_t Reader::varint() {
  const auto value = static_cast<std::uint32_t>(variable(5, 32));
  return static_cast<std::int32_t>((value >> 1) ^ (0U - (value & 1U)));
}

std::int64_t Reader::varlong() {
  const std::uint64_t value = variable(10, 64);
  return static_cast<std::int64_t>((value >> 1) ^ (std::uint64_t{0} - (value & 1U)));
}

ByteView Reader::take(std::size_t size_bytes) {
  if (!has(size_bytes)) return {};
  const ByteView taken = bytes_.subspan(at_, size_bytes);
  at_ += size_bytes;
  return taken;
}

std::optional<std::uint32_t> Reader::checked_length(std::int64_t length) {
  if (!ok() || length == -1) return std::nullopt;
  if (length < 0 || static_cast<std::uint64_t>(length) > remaining()) {
    fail(ErrorCode::kCorrupt,
         fmt::format("length or count {}, but {} bytes are left", length, remaining()));
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(length);
}

std::optional<ByteView> Reader::string(bool compact) {
  const auto length = checked_length(compact ? std::int64_t{uvarint()} - 1 : integer<std::int16_t>());
  if (!length.has_value()) return std::nullopt;
  return take(*length);
}

std::optional<ByteView> Reader::bytes(bool compact) {
  const auto length = checked_length(compact ? std::int64_t{uvarint()} - 1 : integer<std::int32_t>());
  if (!length.has_value()) return std::nullopt;
  return take(*length);
}

std::optional<std::uint32_t> Reader::array_count(bool compact) {
  return checked_length(compact ? std::int64_t{uvarint()} - 1 : integer<std::int32_t>());
}

void Reader::skip_tagged_fields() {
  const std::uint32_t count = uvarint();
  for (std::uint32_t index = 0; index < count && ok(); ++index) {
    static_cast<void>(uvarint());
    static_cast<void>(take(uvarint()));
  }
}

std::size_t Reader::enter(std::size_t size_bytes) {
  const std::size_t outer_end = end_;
  if (has(size_bytes)) end_ = at_ + size_bytes;
  return outer_end;
}

void Reader::leave(std::size_t outer_end) {
  PENSTOCK_ASSERT(outer_end >= end_, "left a section that was not entered");
  expect_end();
  end_ = outer_end;
}

void Reader::expect_end() {
  if (!ok() || remaining() == 0) return;
  fail(ErrorCode::kCorrupt, fmt::format("{} bytes too many", remaining()));
}

}  // namespace penstock::kafka
