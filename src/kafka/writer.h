// Writer and SizeCounter: Kafka's primitive types into bytes, and how many bytes that will be.
//
// Both take the same calls, so whatever is written with the one can be sized with the other.
//
// The old string prefix says at most 32767 bytes. A longer string is cut there, at a character: it can
// only be a text for people or come from a newer version's request, and no client may be able to stop
// the server with it. Lengths of 2 GiB are asserted.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/assert.h"
#include "base/bytes.h"
#include "kafka/byte_chain.h"
#include "kafka/records.h"
#include "kafka/uuid.h"

namespace penstock::kafka {

// The calls, on top of the raw(), integer() and slice() of whichever class derives from this.
class PrimitiveOutput {
 public:
  void boolean(this auto& self, bool value) { self.integer(static_cast<std::int8_t>(value ? 1 : 0)); }
  void float64(this auto& self, double value) { self.integer(std::bit_cast<std::int64_t>(value)); }
  void uuid(this auto& self, const Uuid& value) { self.raw(value.bytes); }

  void uvarint(this auto& self, std::uint32_t value) { self.variable(value); }
  void varint(this auto& self, std::int32_t value) {  // zigzag
    const auto bits = static_cast<std::uint32_t>(value);
    self.variable((bits << 1) ^ static_cast<std::uint32_t>(value >> 31));
  }
  void varlong(this auto& self, std::int64_t value) {  // zigzag
    const auto bits = static_cast<std::uint64_t>(value);
    self.variable((bits << 1) ^ static_cast<std::uint64_t>(value >> 63));
  }

  // Length-prefixed; nullopt is null. `compact` is the encoding of flexible versions.
  void string(this auto& self, std::optional<std::string_view> text, bool compact) {
    if (text.has_value() && !compact) text = cut_to_prefix(*text);
    self.template length<std::int16_t>(text.has_value(), text.value_or("").size(), compact);
    if (text.has_value()) self.raw(as_bytes(*text));
  }
  void bytes(this auto& self, std::optional<ByteView> bytes, bool compact) {
    self.template length<std::int32_t>(bytes.has_value(), bytes.value_or(ByteView()).size(), compact);
    if (bytes.has_value()) self.raw(*bytes);
  }
  void records(this auto& self, const Records& records, bool compact) {
    self.template length<std::int32_t>(!records.is_null(), records.size(), compact);
    if (records.slices().empty()) self.raw(records.view());
    for (const SharedSlice& slice : records.slices()) self.slice(slice);
  }
  // The elements follow.
  void array_count(this auto& self, std::optional<std::size_t> count, bool compact) {
    self.template length<std::int32_t>(count.has_value(), count.value_or(0), compact);
  }

 protected:
  PrimitiveOutput() = default;

  static std::string_view cut_to_prefix(std::string_view text);

  void variable(this auto& self, std::uint64_t value) {
    while (value > 0x7F) {
      self.integer(static_cast<std::uint8_t>((value & 0x7FU) | 0x80U));
      value >>= 7;
    }
    self.integer(static_cast<std::uint8_t>(value));
  }

  template <std::signed_integral T>
  void length(this auto& self, bool present, std::size_t length, bool compact) {
    constexpr std::size_t kMaxCompact = std::numeric_limits<std::int32_t>::max() - 1;
    if (compact) {
      PENSTOCK_ASSERT(length <= kMaxCompact, "too long for the Kafka protocol");
      self.uvarint(present ? static_cast<std::uint32_t>(length) + 1 : 0);
    } else {
      PENSTOCK_ASSERT(length <= std::numeric_limits<T>::max(), "too long for its length prefix");
      self.integer(present ? static_cast<T>(length) : T{-1});
    }
  }
};

// Grows a buffer of its own; slices stay where they are and are put between the owned bytes at the end.
class Writer : public PrimitiveOutput {
 public:
  void reserve(std::size_t owned_bytes) { owned_.reserve(owned_bytes); }

  void raw(ByteView bytes) { owned_.insert(owned_.end(), bytes.begin(), bytes.end()); }
  template <std::integral T>
  void integer(T value) {
    const std::size_t at = owned_.size();
    owned_.resize(at + sizeof(T));
    store_be<T>(owned_, at, value);
  }
  void slice(SharedSlice slice);

  // How many bytes were written, without those in slices.
  std::size_t owned_bytes() const { return owned_.size(); }

  // Everything written, in order.
  ByteChain take_chain() &&;
  // The same where no slices were written.
  std::vector<std::byte> take_bytes() &&;

 private:
  struct Cut {
    std::size_t at = 0;  // in owned_
    SharedSlice slice;
  };
  std::vector<std::byte> owned_;
  std::vector<Cut> cuts_;
};

class SizeCounter : public PrimitiveOutput {
 public:
  void raw(ByteView bytes) { size_bytes_ += bytes.size(); }
  template <std::integral T>
  void integer(T) {
    size_bytes_ += sizeof(T);
  }
  void slice(const SharedSlice& slice) {
    size_bytes_ += slice.size();
    slice_bytes_ += slice.size();
  }

  std::size_t size() const { return size_bytes_; }
  // Without the bytes in slices: what a Writer needs room for.
  std::size_t owned_bytes() const { return size_bytes_ - slice_bytes_; }

 private:
  std::size_t size_bytes_ = 0;
  std::size_t slice_bytes_ = 0;
};

}  // namespace penstock::kafka
