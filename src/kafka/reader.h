// Reader: Kafka's primitive types out of bytes that somebody else wrote.
//
// The first thing that is wrong is kept as error(), which names the field and the place; from then on
// every read gives zero, empty or null, and consumes nothing. So a caller reads on and asks ok() once
// at the end, as long as it does not loop or allocate by a value before asking. Lengths and counts are
// checked against the bytes that are left before anybody sees them: no count that is returned exceeds
// remaining().
//
// Ownership: a view; the bytes must outlive the Reader and every view it returns.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "kafka/uuid.h"

namespace penstock::kafka {

class Reader {
 public:
  explicit Reader(ByteView bytes) : bytes_(bytes), end_(bytes.size()) {}

  bool ok() const { return !error_.has_value(); }
  const Error& error() const { return *error_; }  // only if not ok()
  std::size_t position() const { return at_; }
  std::size_t remaining() const { return end_ - at_; }

  // Names what is read next, for the error message. `field` must outlive the reads.
  void set_field(std::string_view field) { field_ = field; }

  // Records an error unless there is one already: "field Topics at byte 12: <what>".
  void fail(ErrorCode code, std::string_view what);

  // Fixed width, big endian.
  template <std::integral T>
  T integer() {
    if (!has(sizeof(T))) return 0;
    const T value = load_be<T>(bytes_, at_);
    at_ += sizeof(T);
    return value;
  }
  bool boolean() { return integer<std::int8_t>() != 0; }
  double float64() { return std::bit_cast<double>(integer<std::int64_t>()); }
  Uuid uuid();

  // Variable width: at most 5 or 10 bytes, and no bits beyond the type's.
  std::uint32_t uvarint() { return static_cast<std::uint32_t>(variable(5, 32)); }
  std::int32_t varint();   // zigzag
  std::int64_t varlong();  // zigzag

  // Exactly `size_bytes`, which may come from outside.
  ByteView take(std::size_t size_bytes);

  // Length-prefixed; nullopt is null. `compact` is the encoding of flexible versions.
  std::optional<ByteView> string(bool compact);
  std::optional<ByteView> bytes(bool compact);
  std::optional<std::uint32_t> array_count(bool compact);

  // Consumes a tagged section, whatever the tags.
  void skip_tagged_fields();

  // Ends the input `size_bytes` from here and returns where it ended before; leave() undoes that and
  // fails if not everything inside was used.
  std::size_t enter(std::size_t size_bytes);
  void leave(std::size_t outer_end);

  // Fails if there is anything left.
  void expect_end();

 private:
  bool has(std::size_t size_bytes) {
    if (ok() && size_bytes <= remaining()) [[likely]]
      return true;
    fail_short(size_bytes);
    return false;
  }
  void fail_short(std::size_t size_bytes);
  std::uint64_t variable(int max_bytes, int max_bits);
  std::optional<std::uint32_t> checked_length(std::int64_t length);

  ByteView bytes_;
  std::size_t at_ = 0;
  std::size_t end_;
  std::string_view field_ = "start";
  std::optional<Error> error_;
};

}  // namespace penstock::kafka
