// The URI of a file system, and the limits of its options.
#include "rocksdb/uri_options.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/unit_text.h"
#include "base/units.h"
#include "rocksdb/read_streams.h"

namespace penstock::rocksdb {

namespace {

using Options = DirectFileSystemOptions;

constexpr std::string_view kScheme = "penstock://";
constexpr std::string_view kNames =
    "mode, readahead, readahead_memory, write_buffer, warm_output, side_file and log_step";

struct Size {
  std::string_view name;
  std::uint64_t Options::* value;
  std::uint64_t min_bytes;
  std::uint64_t max_bytes;
  bool may_be_none = false;
};
constexpr std::array<Size, 6> kSizes{{
    {"readahead", &Options::readahead_bytes, 64 * kKiB, 64 * kMiB},
    {"readahead_memory", &Options::readahead_memory_bytes, 64 * kKiB, 1024 * kGiB},
    {"write_buffer", &Options::write_buffer_bytes, kBlockBytes, 64 * kMiB},
    {"warm_output", &Options::warm_output_bytes, kMiB, 1024 * kGiB, true},
    {"side_file", &Options::side_file_bytes, 256 * kKiB, 64 * kMiB, true},
    {"log_step", &Options::log_step_bytes, 64 * kKiB, kGiB},
}};

Result<void> set(Options& options, std::string_view name, std::string_view text) {
  if (name == "mode") {
    const Result<RequestedIoMode> mode = parse_io_mode(text);
    if (!mode) return Unexpected(mode.error());
    options.mode = *mode;
    return {};
  }
  const auto size = std::ranges::find(kSizes, name, &Size::name);
  if (size == kSizes.end()) {
    return fail(ErrorCode::kInvalidArgument, "there is no option '{}'; there are {}", name, kNames);
  }
  const Result<std::uint64_t> bytes = parse_size(text);
  if (!bytes) return Unexpected(bytes.error().context(name));
  options.*(size->value) = *bytes;
  return {};
}

}  // namespace

Result<void> check(const DirectFileSystemOptions& options) {
  for (const Size& size : kSizes) {
    const std::uint64_t bytes = options.*(size.value);
    if (size.may_be_none && bytes == 0) continue;
    if (bytes >= size.min_bytes && bytes <= size.max_bytes && is_aligned(bytes, kBlockBytes)) continue;
    return fail(ErrorCode::kInvalidArgument,
                "{} is {} bytes; it has to be a multiple of {}, from {} to {}", size.name, bytes,
                kBlockBytes, size.min_bytes, size.max_bytes);
  }
  if (options.readahead_memory_bytes / ReadStreams::kWindows < options.readahead_bytes) {
    return fail(
        ErrorCode::kInvalidArgument,
        "readahead_memory is {} bytes, less than {} windows of readahead ({} bytes each), which "
        "one reader takes",
        options.readahead_memory_bytes, ReadStreams::kWindows, options.readahead_bytes);
  }
  return {};
}

Result<DirectFileSystemOptions> ParseFileSystemUri(std::string_view uri) {
  const auto wrong = [&](const Error& error) { return Unexpected(error.context(uri)); };
  if (!uri.starts_with(kScheme))
    return fail(ErrorCode::kInvalidArgument, "'{}' does not begin with {}", uri, kScheme);
  std::string_view rest = uri.substr(kScheme.size());
  Options options;
  if (rest.empty()) return options;
  if (!rest.starts_with('?')) {
    return fail(ErrorCode::kInvalidArgument,
                "'{}': behind {} there may be options, as in {}?mode=direct; a path is given to the "
                "database, not here",
                uri, kScheme, kScheme);
  }
  rest.remove_prefix(1);
  while (!rest.empty()) {
    const std::string_view word = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), word.size() + 1));
    const std::size_t equals = word.find_first_of("=:");
    if (equals == std::string_view::npos) {
      return fail(ErrorCode::kInvalidArgument, "'{}': '{}' has no value; write name=value", uri, word);
    }
    if (auto done = set(options, word.substr(0, equals), word.substr(equals + 1)); !done)
      return wrong(done.error());
  }
  if (auto ok = check(options); !ok) return wrong(ok.error());
  return options;
}

}  // namespace penstock::rocksdb
