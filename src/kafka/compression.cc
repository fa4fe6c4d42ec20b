#include "kafka/compression.h"

#include <lz4frame.h>
#include <snappy.h>
#define ZLIB_CONST  // its input may be const
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <limits>
#include <memory>

#include "base/assert.h"

namespace penstock::kafka {

namespace {

// zlib: the largest window, and the header and trailer of gzip instead of zlib's own.
constexpr int kGzipWindow = MAX_WBITS + 16;
constexpr int kGzipMemory = 8;  // zlib's default

// xerial's container: this magic, two version numbers, then blocks, each behind its length.
constexpr std::array<std::byte, 8> kXerialMagic = {std::byte{0x82}, std::byte{'S'}, std::byte{'N'},
                                                   std::byte{'A'},  std::byte{'P'}, std::byte{'P'},
                                                   std::byte{'Y'},  std::byte{0}};
constexpr std::size_t kXerialHeaderBytes = kXerialMagic.size() + 2 * sizeof(std::int32_t);
constexpr std::int32_t kXerialVersion = 1;
constexpr std::size_t kXerialBlockBytes = 32 * kKiB;

// How much room is made at a time for what comes out.
constexpr std::size_t kFirstStepBytes = 16 * kKiB;
constexpr std::size_t kLargestStepBytes = 4 * kMiB;

// Output that grows as it is filled.
class Output {
 public:
  explicit Output(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  // Room for at least one byte more. Errors: kTooLarge.
  Result<MutableBytes> room() {
    if (used_ == bytes_.size()) {
      // One byte above the limit, so that a stream of exactly that size still sees its end.
      const std::size_t largest = max_bytes_ + 1;
      const std::size_t step = std::clamp(bytes_.size(), kFirstStepBytes, kLargestStepBytes);
      bytes_.resize(std::min(largest, bytes_.size() + step));
    }
    if (used_ > max_bytes_) return fail_too_large();
    return MutableBytes(bytes_).subspan(used_);
  }
  void took(std::size_t bytes) { used_ += bytes; }

  Result<std::vector<std::byte>> take() && {
    if (used_ > max_bytes_) return fail_too_large();
    bytes_.resize(used_);
    return std::move(bytes_);
  }

 private:
  Unexpected fail_too_large() const {
    return fail(ErrorCode::kTooLarge, "a batch that unpacks to more than {} bytes", max_bytes_);
  }

  std::size_t max_bytes_;
  std::size_t used_ = 0;
  std::vector<std::byte> bytes_;
};

Unexpected corrupt(Compression codec, std::string_view what) {
  return fail(ErrorCode::kCorrupt, "{} data that cannot be unpacked: {}", to_string(codec), what);
}

Unexpected too_short(Compression codec) { return corrupt(codec, "it ends too early"); }

// ---- gzip

const Bytef* zlib_input(ByteView bytes) { return reinterpret_cast<const Bytef*>(bytes.data()); }
Bytef* zlib_output(MutableBytes bytes) { return reinterpret_cast<Bytef*>(bytes.data()); }

std::vector<std::byte> gzip(ByteView plain) {
  z_stream stream{};
  const int ready = ::deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindow, kGzipMemory,
                                   Z_DEFAULT_STRATEGY);
  PENSTOCK_ASSERT(ready == Z_OK, "zlib refused its own defaults");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> owner(&stream, ::deflateEnd);
  std::vector<std::byte> packed(::deflateBound(&stream, plain.size()));
  PENSTOCK_ASSERT(packed.size() <= std::numeric_limits<uInt>::max(), "a batch is below 2 GiB");
  stream.next_in = zlib_input(plain);
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = zlib_output(packed);
  stream.avail_out = static_cast<uInt>(packed.size());
  const int done = ::deflate(&stream, Z_FINISH);
  PENSTOCK_ASSERT(done == Z_STREAM_END, "zlib wants more room than it said");
  packed.resize(stream.total_out);
  return packed;
}

Result<std::vector<std::byte>> gunzip(ByteView packed, std::size_t max_bytes) {
  z_stream stream{};
  const int ready = ::inflateInit2(&stream, kGzipWindow);
  PENSTOCK_ASSERT(ready == Z_OK, "zlib refused its own defaults");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> owner(&stream, ::inflateEnd);
  stream.next_in = zlib_input(packed);
  stream.avail_in = static_cast<uInt>(packed.size());
  Output output(max_bytes);
  while (true) {
    const Result<MutableBytes> room = output.room();
    if (!room) return Unexpected(room.error());
    stream.next_out = zlib_output(*room);
    stream.avail_out = static_cast<uInt>(room->size());
    const int state = ::inflate(&stream, Z_NO_FLUSH);
    output.took(room->size() - stream.avail_out);
    if (state == Z_STREAM_END) {
      if (stream.avail_in == 0) return std::move(output).take();
      ::inflateReset(&stream);
    } else if (state == Z_BUF_ERROR ||
               (state == Z_OK && stream.avail_in == 0 && stream.avail_out > 0)) {
      return too_short(Compression::kGzip);
    } else if (state != Z_OK) {
      return corrupt(Compression::kGzip, stream.msg == nullptr ? "wrong format" : stream.msg);
    }
  }
}

// ---- snappy

const char* snappy_input(ByteView bytes) { return reinterpret_cast<const char*>(bytes.data()); }

void append(std::vector<std::byte>& bytes, ByteView more) {
  bytes.insert(bytes.end(), more.begin(), more.end());
}

void append_length(std::vector<std::byte>& bytes, std::int32_t length) {
  std::array<std::byte, sizeof(length)> field{};
  store_be<std::int32_t>(field, 0, length);
  append(bytes, field);
}

std::vector<std::byte> snappy_pack(ByteView plain) {
  std::vector<std::byte> packed(kXerialMagic.begin(), kXerialMagic.end());
  append_length(packed, kXerialVersion);
  append_length(packed, kXerialVersion);  // the oldest version that can read it
  std::string block;
  while (!plain.empty()) {
    const ByteView part = plain.first(std::min(plain.size(), kXerialBlockBytes));
    plain = plain.subspan(part.size());
    snappy::Compress(snappy_input(part), part.size(), &block);
    append_length(packed, static_cast<std::int32_t>(block.size()));
    append(packed, as_bytes(block));
  }
  return packed;
}

// A block says its size in front, and cannot be much smaller than a twentieth of it.
Result<void> unpack_block(ByteView block, std::size_t max_bytes, std::vector<std::byte>& plain) {
  std::size_t size_bytes = 0;
  if (!snappy::GetUncompressedLength(snappy_input(block), block.size(), &size_bytes) ||
      !snappy::IsValidCompressedBuffer(snappy_input(block), block.size())) {
    return corrupt(Compression::kSnappy, "wrong format");
  }
  if (size_bytes > max_bytes - plain.size()) {
    return fail(ErrorCode::kTooLarge, "a batch that unpacks to more than {} bytes", max_bytes);
  }
  const std::size_t before = plain.size();
  plain.resize(before + size_bytes);
  const bool unpacked = snappy::RawUncompress(snappy_input(block), block.size(),
                                              reinterpret_cast<char*>(plain.data() + before));
  if (!unpacked) return corrupt(Compression::kSnappy, "wrong format");
  return {};
}

Result<std::vector<std::byte>> snappy_unpack(ByteView packed, std::size_t max_bytes) {
  std::vector<std::byte> plain;
  const bool in_blocks = packed.size() >= kXerialHeaderBytes &&
                         std::ranges::equal(packed.first(kXerialMagic.size()), kXerialMagic);
  if (!in_blocks) {
    if (auto unpacked = unpack_block(packed, max_bytes, plain); !unpacked)
      return Unexpected(unpacked.error());
    return plain;
  }
  packed = packed.subspan(kXerialHeaderBytes);
  while (!packed.empty()) {
    if (packed.size() < sizeof(std::int32_t)) return too_short(Compression::kSnappy);
    const auto length = load_be<std::int32_t>(packed, 0);
    packed = packed.subspan(sizeof(length));
    if (length < 0 || static_cast<std::size_t>(length) > packed.size())
      return too_short(Compression::kSnappy);
    const ByteView block = packed.first(static_cast<std::size_t>(length));
    packed = packed.subspan(block.size());
    if (auto unpacked = unpack_block(block, max_bytes, plain); !unpacked)
      return Unexpected(unpacked.error());
  }
  return plain;
}

// ---- lz4

std::vector<std::byte> lz4_pack(ByteView plain) {
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.blockSizeID = LZ4F_max64KB;
  // Kafka's Java client reads no others.
  preferences.frameInfo.blockMode = LZ4F_blockIndependent;
  std::vector<std::byte> packed(::LZ4F_compressFrameBound(plain.size(), &preferences));
  const std::size_t size_bytes =
      ::LZ4F_compressFrame(packed.data(), packed.size(), plain.data(), plain.size(), &preferences);
  PENSTOCK_ASSERT(::LZ4F_isError(size_bytes) == 0, "lz4 wants more room than it said");
  packed.resize(size_bytes);
  return packed;
}

Result<std::vector<std::byte>> lz4_unpack(ByteView packed, std::size_t max_bytes) {
  LZ4F_dctx* context = nullptr;
  const auto made = ::LZ4F_createDecompressionContext(&context, LZ4F_VERSION);
  PENSTOCK_ASSERT(::LZ4F_isError(made) == 0, "lz4 has no memory for its context");
  const std::unique_ptr<LZ4F_dctx, std::size_t (*)(LZ4F_dctx*)> owner(context,
                                                                      ::LZ4F_freeDecompressionContext);
  Output output(max_bytes);
  while (true) {
    const Result<MutableBytes> room = output.room();
    if (!room) return Unexpected(room.error());
    std::size_t written = room->size();
    std::size_t read = packed.size();
    const std::size_t wanted =
        ::LZ4F_decompress(context, room->data(), &written, packed.data(), &read, nullptr);
    if (::LZ4F_isError(wanted) != 0) return corrupt(Compression::kLz4, ::LZ4F_getErrorName(wanted));
    output.took(written);
    packed = packed.subspan(read);
    if (packed.empty() && wanted == 0) return std::move(output).take();
    if (read == 0 && written == 0) return too_short(Compression::kLz4);
  }
}

// ---- zstd

std::vector<std::byte> zstd_pack(ByteView plain) {
  std::vector<std::byte> packed(::ZSTD_compressBound(plain.size()));
  const std::size_t size_bytes =
      ::ZSTD_compress(packed.data(), packed.size(), plain.data(), plain.size(), ZSTD_CLEVEL_DEFAULT);
  PENSTOCK_ASSERT(::ZSTD_isError(size_bytes) == 0, "zstd wants more room than it said");
  packed.resize(size_bytes);
  return packed;
}

Result<std::vector<std::byte>> zstd_unpack(ByteView packed, std::size_t max_bytes) {
  const std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> context(::ZSTD_createDCtx(),
                                                                        ::ZSTD_freeDCtx);
  PENSTOCK_ASSERT(context != nullptr, "zstd has no memory for its context");
  ZSTD_inBuffer input{.src = packed.data(), .size = packed.size(), .pos = 0};
  Output output(max_bytes);
  while (true) {
    const Result<MutableBytes> room = output.room();
    if (!room) return Unexpected(room.error());
    ZSTD_outBuffer out{.dst = room->data(), .size = room->size(), .pos = 0};
    const std::size_t read_before = input.pos;
    const std::size_t wanted = ::ZSTD_decompressStream(context.get(), &out, &input);
    if (::ZSTD_isError(wanted) != 0) return corrupt(Compression::kZstd, ::ZSTD_getErrorName(wanted));
    output.took(out.pos);
    if (input.pos == input.size && wanted == 0) return std::move(output).take();
    if (input.pos == read_before && out.pos == 0) return too_short(Compression::kZstd);
  }
}

}  // namespace

Result<Compression> parse_compression(std::string_view name) {
  for (const auto codec : {Compression::kNone, Compression::kGzip, Compression::kSnappy,
                           Compression::kLz4, Compression::kZstd}) {
    if (name == to_string(codec)) return codec;
  }
  return fail(ErrorCode::kInvalidArgument, "'{}' is not one of none, gzip, snappy, lz4, zstd", name);
}

std::vector<std::byte> compress(Compression codec, ByteView plain) {
  switch (codec) {
    case Compression::kNone: return {plain.begin(), plain.end()};
    case Compression::kGzip: return gzip(plain);
    case Compression::kSnappy: return snappy_pack(plain);
    case Compression::kLz4: return lz4_pack(plain);
    case Compression::kZstd: return zstd_pack(plain);
  }
  PENSTOCK_ASSERT(false, "a codec outside of the enumeration");
  return {};
}

Result<std::vector<std::byte>> decompress(Compression codec, ByteView compressed,
                                          std::size_t max_bytes) {
  switch (codec) {
    case Compression::kNone:
      if (compressed.size() > max_bytes)
        return fail(ErrorCode::kTooLarge, "a batch of more than {} bytes", max_bytes);
      return std::vector<std::byte>(compressed.begin(), compressed.end());
    case Compression::kGzip: return gunzip(compressed, max_bytes);
    case Compression::kSnappy: return snappy_unpack(compressed, max_bytes);
    case Compression::kLz4: return lz4_unpack(compressed, max_bytes);
    case Compression::kZstd: return zstd_unpack(compressed, max_bytes);
  }
  return fail(ErrorCode::kNotSupported, "compression type {} does not exist", static_cast<int>(codec));
}

}  // namespace penstock::kafka
