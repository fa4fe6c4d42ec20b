#include "bench/report.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

namespace penstock::bench {

namespace {

std::string reach_of(const Row& row) {
  if (row.at_most) return fmt::format("<= {:g} {}", *row.at_most, row.unit);
  if (row.at_least) return fmt::format(">= {:g} {}", *row.at_least, row.unit);
  return "-";
}

std::string verdict_of(const Row& row) {
  if (!row.at_most && !row.at_least) return "info";
  return row.is_missed() ? "missed" : "ok";
}

}  // namespace

Options parse_options(int argc, char** argv, const std::string& purpose,
                      const std::vector<GroupName>& groups) {
  Options options;
  std::string json_file;
  CLI::App app{purpose};
  app.add_option("--dir", options.directory,
                 "where to measure; a directory of its own is made and removed")
      ->capture_default_str();
  app.add_flag("--quick", options.quick, "fewer samples");
  app.add_option("--json", json_file, "also write the rows to this file");
  app.add_flag("--check", options.check, "exit 1 if a row is missed");
  bool must_list = false;
  if (!groups.empty()) {
    std::vector<std::string> names;
    for (const GroupName& group : groups) names.push_back(group.name);
    app.add_option("--only", options.only, "run this group of rows; again for more")
        ->check(CLI::IsMember(names));
    app.add_flag("--list", must_list, "say which groups there are, and end");
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error) == 0 ? 0 : 2);
  }
  if (must_list) {
    for (const GroupName& group : groups) fmt::print("{:<12} {}\n", group.name, group.meaning);
    std::exit(0);
  }
  if (!json_file.empty()) options.json_file = json_file;
  return options;
}

bool Row::is_missed() const {
  return (at_most && measured > *at_most) || (at_least && measured < *at_least);
}

int Report::finish() const {
  for (const std::string& line : notes_) fmt::print("{}\n", line);
  std::size_t width = std::string_view("measure").size();
  for (const Row& row : rows_) width = std::max(width, row.measure.size());
  fmt::print("\n{:<{}} | {:>12} | {:>10} | {:<6} | basis\n", "measure", width, "measured", "reach", "");
  bool any_missed = false;
  nlohmann::ordered_json json = {
      {"benchmark", name_}, {"notes", notes_}, {"rows", nlohmann::json::array()}};
  for (const Row& row : rows_) {
    fmt::print("{:<{}} | {:>12} | {:>10} | {:<6} | {}\n", row.measure, width,
               fmt::format("{:.2f} {}", row.measured, row.unit), reach_of(row), verdict_of(row),
               row.basis);
    any_missed = any_missed || row.is_missed();
    json["rows"].push_back({{"measure", row.measure},
                            {"measured", row.measured},
                            {"unit", row.unit},
                            {"reach", reach_of(row)},
                            {"verdict", verdict_of(row)},
                            {"basis", row.basis}});
  }
  if (options_.json_file) {
    std::ofstream file(*options_.json_file);
    file << json.dump(2) << "\n";
    if (!file) {
      fmt::print(stderr, "cannot write {}\n", *options_.json_file);
      return 1;
    }
  }
  return options_.check && any_missed ? 1 : 0;
}

}  // namespace penstock::bench
