#include "rocksdb/database_names.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

namespace penstock::rocksdb {

namespace {

constexpr std::string_view kLogSuffix = ".log";
constexpr std::string_view kManifestPrefix = "MANIFEST-";
constexpr std::string_view kInfoLogName = "LOG";
constexpr std::string_view kInfoLogSuffix = "_LOG";

bool is_number(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char digit) { return digit >= '0' && digit <= '9'; });
}

}  // namespace

FileKind kind_of(std::string_view path) {
  const std::string_view name = name_of(path);
  if (number_of(path)) return FileKind::kWriteAheadLog;
  if (name.starts_with(kManifestPrefix) && is_number(name.substr(kManifestPrefix.size())))
    return FileKind::kManifest;
  if (name.ends_with(".sst") || name.ends_with(".ldb") || name.ends_with(".blob"))
    return FileKind::kTable;
  if (name == kInfoLogName || name.ends_with(kInfoLogSuffix)) return FileKind::kInfoLog;
  return FileKind::kOther;
}

std::optional<std::uint64_t> number_of(std::string_view path) {
  const std::string_view name = name_of(path);
  if (!name.ends_with(kLogSuffix)) return std::nullopt;
  const std::string_view digits = name.substr(0, name.size() - kLogSuffix.size());
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

std::string directory_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return std::string(path.substr(0, std::max<std::size_t>(slash, 1)));
}

std::string_view name_of(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string normal_path(const std::string& path) {
  std::error_code error;
  std::filesystem::path absolute = std::filesystem::absolute(path, error);
  if (error) absolute = path;
  std::string normal = absolute.lexically_normal().string();
  while (normal.size() > 1 && normal.back() == '/') normal.pop_back();
  return normal;
}

}  // namespace penstock::rocksdb
