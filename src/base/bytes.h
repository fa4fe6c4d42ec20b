// Bytes: views, and fixed-width integers in either byte order.
//
// Penstock's own formats are little endian, Kafka's wire is big endian; nothing else reads integers out
// of memory. load/store take any alignment and assert that the bytes are there, so a caller that parses
// input checks lengths first.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "base/assert.h"

namespace penstock {

using ByteView = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

inline ByteView as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

template <std::integral T, std::endian kOrder>
T load(ByteView bytes, std::size_t at) {
  PENSTOCK_ASSERT(at <= bytes.size() && bytes.size() - at >= sizeof(T), "read past the end of bytes");
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  if constexpr (kOrder != std::endian::native) value = std::byteswap(value);
  return value;
}

template <std::integral T, std::endian kOrder>
void store(MutableBytes bytes, std::size_t at, T value) {
  PENSTOCK_ASSERT(at <= bytes.size() && bytes.size() - at >= sizeof(T), "write past the end of bytes");
  if constexpr (kOrder != std::endian::native) value = std::byteswap(value);
  std::memcpy(bytes.data() + at, &value, sizeof(T));
}

template <std::integral T>
T load_le(ByteView bytes, std::size_t at) {
  return load<T, std::endian::little>(bytes, at);
}
template <std::integral T>
T load_be(ByteView bytes, std::size_t at) {
  return load<T, std::endian::big>(bytes, at);
}
template <std::integral T>
void store_le(MutableBytes bytes, std::size_t at, T value) {
  store<T, std::endian::little>(bytes, at, value);
}
template <std::integral T>
void store_be(MutableBytes bytes, std::size_t at, T value) {
  store<T, std::endian::big>(bytes, at, value);
}

}  // namespace penstock
