#include "benchmark/report_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "benchmark/page.h"
#include "benchmark/results_json.h"

namespace penstock::benchmark {

namespace {

Result<void> write_file(const std::string& path, std::string_view text) {
  errno = 0;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(text.data(), static_cast<std::streamsize>(text.size()));
  file.close();
  if (file) return {};
  return Unexpected(Error::from_errno(errno != 0 ? errno : EIO, "write " + path));
}

std::string dump(const Results& results, int indent) {
  // What others call their devices may be no UTF-8.
  return to_json(results).dump(indent, ' ', /*ensure_ascii=*/false,
                               nlohmann::ordered_json::error_handler_t::replace);
}

std::string file_name_of(std::string name) {
  for (char& letter : name) {
    const bool is_plain = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
                          (letter >= '0' && letter <= '9') || letter == '.' || letter == '_';
    if (!is_plain) letter = '-';
  }
  return name;
}

}  // namespace

Result<void> write_json(const Results& results, const std::string& path) {
  return write_file(path, dump(results, 1) + "\n");
}

Result<void> write_html(const Results& results, const std::string& path) {
  std::string json = dump(results, -1);
  // "</script>" within a string would end the element.
  for (std::size_t at = json.find("</"); at != std::string::npos; at = json.find("</", at)) {
    json.replace(at, 2, "<\\/");
  }
  std::string page(page_before_data());
  page += json;
  page += page_after_data();
  return write_file(path, page);
}

Result<void> write_hgrm(const Results& results, const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return Unexpected(Error::from_errno(error.value(), "make " + directory));
  for (const Summary& summary : summarize(results.runs)) {
    for (const Latencies& latencies : summary.latencies) {
      const std::string name =
          file_name_of(fmt::format("{}-{}-{}", summary.scenario, summary.target, latencies.name));
      const Result<void> written =
          write_file(fmt::format("{}/{}.hgrm", directory, name), latencies.histogram.hgrm());
      if (!written) return written;
    }
  }
  return {};
}

}  // namespace penstock::benchmark
