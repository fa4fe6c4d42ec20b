#include "cli/bench_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "cli/text.h"

namespace penstock::cli {

namespace {

using benchmark::MetricSummary;
using benchmark::Results;
using benchmark::Summary;

constexpr std::size_t kCurveRows = 12;
constexpr std::string_view kLetters = "ox+*#@%&";

std::string replaced(std::string text, char from, char to) {
  std::ranges::replace(text, from, to);
  return text;
}

// Scenarios in the order of their first summary, with the summaries of their targets.
struct ScenarioGroup {
  std::string name;
  std::vector<const Summary*> targets;
};

std::vector<ScenarioGroup> group_by_scenario(const std::vector<Summary>& summaries) {
  std::vector<ScenarioGroup> groups;
  for (const Summary& summary : summaries) {
    auto found = std::ranges::find(groups, summary.scenario, &ScenarioGroup::name);
    if (found == groups.end()) {
      groups.push_back({.name = summary.scenario, .targets = {}});
      found = groups.end() - 1;
    }
    found->targets.push_back(&summary);
  }
  return groups;
}

std::string cell_of(const Summary& summary, const std::string& metric) {
  const MetricSummary* const found = summary.metric(metric);
  if (found == nullptr) return summary.failures.empty() ? "-" : "FAILED";
  std::string text = metric_value(found->median(), found->unit);
  if (found->values.size() > 1) {
    text += fmt::format(" ({} to {})", metric_value(found->low(), found->unit),
                        metric_value(found->high(), found->unit));
  }
  return text;
}

// Of all targets, in the order in which they come.
std::vector<std::string> metric_names(const ScenarioGroup& group) {
  std::vector<std::string> names;
  for (const Summary* summary : group.targets) {
    for (const MetricSummary& metric : summary->metrics) {
      if (std::ranges::find(names, metric.name) == names.end()) names.push_back(metric.name);
    }
  }
  return names;
}

std::string table_of(const ScenarioGroup& group) {
  std::vector<Table::Column> columns = {{.title = group.name}};
  for (const Summary* summary : group.targets) {
    columns.push_back({.title = summary->target, .align = Table::Align::kRight});
  }
  Table table(std::move(columns));
  for (const std::string& metric : metric_names(group)) {
    std::vector<std::string> row = {metric_label(metric)};
    for (const Summary* summary : group.targets) row.push_back(cell_of(*summary, metric));
    table.add(std::move(row));
  }
  std::string text = table.to_string();
  for (const Summary* summary : group.targets) {
    for (const std::string& failure : summary->failures) {
      text += fmt::format("FAILED  {}, {}\n", summary->target, failure);
    }
  }
  return text;
}

std::string points_text(const Results& results, const std::string& scenario) {
  Table table({{.title = "target"},
               {.title = "offered/s", .align = Table::Align::kRight},
               {.title = "reached/s", .align = Table::Align::kRight},
               {.title = "produce p50", .align = Table::Align::kRight},
               {.title = "produce p99", .align = Table::Align::kRight},
               {.title = "consume p99", .align = Table::Align::kRight}});
  bool has_any = false;
  for (const benchmark::Run& run : results.runs) {
    if (run.scenario != scenario || run.repeat != 1) continue;
    for (const benchmark::RatePoint& point : run.points) {
      has_any = true;
      table.add(
          {run.target, metric_value(point.offered_per_second, "1/s"),
           metric_value(point.achieved_per_second, "1/s") + (point.is_sustained ? "" : " (not kept)"),
           human_microseconds(point.produce_p50_us), human_microseconds(point.produce_p99_us),
           human_microseconds(point.consume_p99_us)});
    }
  }
  return has_any ? table.to_string() : "";
}

std::string matrix_text(const Results& results) {
  if (results.matrix.empty()) return "";
  Table table({{.title = "block x in flight"},
               {.title = "target"},
               {.title = "write MB/s", .align = Table::Align::kRight},
               {.title = "p50", .align = Table::Align::kRight},
               {.title = "p99", .align = Table::Align::kRight},
               {.title = "read MB/s", .align = Table::Align::kRight},
               {.title = "p50", .align = Table::Align::kRight},
               {.title = "p99", .align = Table::Align::kRight}});
  for (const benchmark::MatrixCell& write : results.matrix) {
    if (write.what != "durable write") continue;
    std::vector<std::string> row = {fmt::format("{} x {}", human_bytes(write.block_bytes), write.depth),
                                    write.target, fmt::format("{:.0f}", write.mb_per_second),
                                    human_microseconds(write.p50_us), human_microseconds(write.p99_us)};
    const auto read = std::ranges::find_if(results.matrix, [&](const benchmark::MatrixCell& cell) {
      return cell.what == "read" && cell.target == write.target &&
             cell.block_bytes == write.block_bytes && cell.depth == write.depth;
    });
    const bool has_read = read != results.matrix.end();
    row.push_back(has_read ? fmt::format("{:.0f}", read->mb_per_second) : "-");
    row.push_back(has_read ? human_microseconds(read->p50_us) : "-");
    row.push_back(has_read ? human_microseconds(read->p99_us) : "-");
    table.add(std::move(row));
  }
  return "\n" + table.to_string();
}

std::string machine_text(const Results& results) {
  const benchmark::Machine& machine = results.machine;
  std::string text = fmt::format(
      "machine   {} x {}, {}, Linux {}\n"
      "storage   {} on {}, scheduler {}, {}; blocks of {} and {} bytes\n",
      machine.processors, machine.processor, human_bytes(machine.memory_bytes), machine.kernel,
      machine.file_system, machine.device.empty() ? "no device of its own" : machine.device,
      machine.scheduler.empty() ? "unknown" : machine.scheduler,
      machine.write_cache.empty() ? "write cache unknown" : machine.write_cache,
      machine.logical_block_bytes, machine.physical_block_bytes);
  for (const auto& [name, value] : results.setup) text += fmt::format("{:<15} {}\n", name, value);
  if (results.client_limit) {
    text +=
        fmt::format("{:<15} {} messages/s, {:.0f} MB/s, against a target that does nothing\n",
                    "client's limit", metric_value(results.client_limit->messages_per_second, "1/s"),
                    results.client_limit->mb_per_second);
  }
  for (const std::string& note : results.notes) text += fmt::format("{:<15} {}\n", "note", note);
  return text;
}

// --- The curve ---

// 0.5 is 0.3 nines, 0.9 is one, 0.99 two.
double nines_of(double share) { return -std::log10(1 - share); }

struct CurveFrame {
  double nines_end = 1;
  double low_us = 1;
  double high_us = 1;
  std::size_t width = 0;

  std::size_t column_of(double nines) const {
    const double at = nines / nines_end * static_cast<double>(width - 1);
    return static_cast<std::size_t>(std::clamp(at, 0.0, static_cast<double>(width - 1)));
  }
  // From the top.
  std::size_t row_of(double us) const {
    const double span = std::max(1e-9, std::log(high_us / low_us));
    const double at = std::log(us / low_us) / span * static_cast<double>(kCurveRows - 1);
    return kCurveRows - 1 -
           static_cast<std::size_t>(std::clamp(at, 0.0, static_cast<double>(kCurveRows - 1)));
  }
};

const benchmark::Latencies* latencies_of(const Summary& summary, std::string_view name) {
  const auto found = std::ranges::find(summary.latencies, name, &benchmark::Latencies::name);
  if (found == summary.latencies.end() || found->histogram.count() == 0) return nullptr;
  return &*found;
}

double us_of(std::chrono::nanoseconds time) {
  return std::max(0.1, std::chrono::duration<double, std::micro>(time).count());
}

CurveFrame frame_of(const std::vector<const benchmark::Latencies*>& all, std::size_t width) {
  CurveFrame frame{.low_us = 1e18, .high_us = 0, .width = width};
  for (const benchmark::Latencies* latencies : all) {
    if (latencies == nullptr) continue;
    const double count = static_cast<double>(latencies->histogram.count());
    const double last_share =
        std::max(0.9, 1 - benchmark::Histogram::kLeastBeyond / std::max(count, 11.0));
    frame.nines_end = std::max(frame.nines_end, nines_of(last_share));
    frame.low_us = std::min(frame.low_us, us_of(latencies->histogram.least()));
    frame.high_us = std::max(frame.high_us, us_of(latencies->histogram.percentile(last_share)));
  }
  return frame;
}

std::string axis_of(const CurveFrame& frame) {
  constexpr std::array<std::pair<double, const char*>, 6> kTicks{{{0.5, "50 %"},
                                                                  {0.9, "90"},
                                                                  {0.99, "99"},
                                                                  {0.999, "99.9"},
                                                                  {0.9999, "99.99"},
                                                                  {0.99999, "99.999"}}};
  std::string axis(frame.width + 8, ' ');
  for (const auto& [share, label] : kTicks) {
    if (nines_of(share) > frame.nines_end) break;
    axis.replace(frame.column_of(nines_of(share)), std::string_view(label).size(), label);
  }
  axis.erase(axis.find_last_not_of(' ') + 1);
  return axis;
}

}  // namespace

std::string metric_label(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kSpecial{
      {{"messages_per_second", "messages/s"},
       {"mb_per_second", "MB/s"},
       {"operations_per_second", "operations/s"},
       {"broker_cpu_s_per_gb", "broker CPU, s/GB"},
       {"client_cpu_s_per_gb", "client CPU, s/GB"},
       {"reader_mb_per_second", "cold readers, MB/s"},
       {"stolen_percent", "kept by the hypervisor"}}};
  for (const auto& [special, label] : kSpecial) {
    if (name == special) return std::string(label);
  }
  for (const std::string_view suffix : {"_us", "_bytes"}) {
    if (name.ends_with(suffix)) name.remove_suffix(suffix.size());
  }
  return replaced(std::string(name), '_', ' ');
}

std::string metric_value(double value, std::string_view unit) {
  if (unit == "us") return human_microseconds(value);
  if (unit == "bytes") return human_bytes(static_cast<std::uint64_t>(value));
  if (unit == "1/s") return with_commas(static_cast<std::uint64_t>(std::llround(value)));
  if (unit == "%") return fmt::format("{:.1f} %", value);
  return fmt::format("{:.2f}", value);
}

std::string curve_text(std::string_view name, const std::vector<const Summary*>& targets,
                       std::size_t columns) {
  constexpr std::size_t kLabelColumns = 10;
  std::vector<const benchmark::Latencies*> all;
  for (const Summary* target : targets) all.push_back(latencies_of(*target, name));
  if (std::ranges::all_of(all, [](const auto* latencies) { return latencies == nullptr; })) return "";
  const CurveFrame frame = frame_of(all, std::clamp<std::size_t>(columns, 40, 100) - kLabelColumns - 8);
  std::vector<std::string> rows(kCurveRows, std::string(frame.width, ' '));
  std::string legend;
  for (std::size_t number = 0; number < all.size(); ++number) {
    if (all[number] == nullptr) continue;
    const char letter = kLetters[number % kLetters.size()];
    legend += fmt::format("{}{} {} ({})", legend.empty() ? "" : ", ", letter, targets[number]->target,
                          count_of(all[number]->histogram.count(), "sample"));
    for (std::size_t column = 0; column < frame.width; ++column) {
      const double nines =
          static_cast<double>(column) / static_cast<double>(frame.width - 1) * frame.nines_end;
      const double share = 1 - std::pow(10, -nines);
      if (column > 0 && !all[number]->histogram.shows(share)) break;
      rows[frame.row_of(us_of(all[number]->histogram.percentile(share)))][column] = letter;
    }
  }
  const std::string of = name == "latency" ? "" : metric_label(name) + " ";
  std::string text = fmt::format("{}latency by percentile: {}\n", of, legend);
  for (std::size_t row = 0; row < kCurveRows; ++row) {
    const bool is_labelled = row == 0 || row == kCurveRows - 1;
    const double us = row == 0 ? frame.high_us : frame.low_us;
    std::string line = rows[row];
    line.erase(line.find_last_not_of(' ') + 1);
    text += fmt::format("{:>{}} |{}\n", is_labelled ? human_microseconds(us) : "", kLabelColumns, line);
  }
  text += fmt::format("{:>{}} +{}\n", "", kLabelColumns, std::string(frame.width, '-'));
  text += fmt::format("{:>{}}  {}\n", "", kLabelColumns, axis_of(frame));
  return text;
}

std::string results_text(const Results& results) {
  constexpr std::size_t kCurveColumns = 92;
  std::string text;
  if (!results.is_complete) text += "NOT COMPLETE: this is what was measured until it ended.\n\n";
  const std::vector<Summary> summaries = benchmark::summarize(results.runs);
  for (const ScenarioGroup& group : group_by_scenario(summaries)) {
    text += table_of(group);
    text += points_text(results, group.name);
    std::vector<std::string> drawn;
    for (const Summary* summary : group.targets) {
      for (const benchmark::Latencies& latencies : summary->latencies) {
        if (std::ranges::find(drawn, latencies.name) != drawn.end()) continue;
        drawn.push_back(latencies.name);
        text += "\n" + curve_text(latencies.name, group.targets, kCurveColumns);
      }
    }
    text += "\n";
  }
  text += matrix_text(results);
  if (!results.matrix.empty()) text += "\n";
  return text + machine_text(results);
}

std::string comparison_text(const std::vector<benchmark::Comparison>& comparisons) {
  Table table({{.title = "scenario"},
               {.title = "target"},
               {.title = "metric"},
               {.title = "before", .align = Table::Align::kRight},
               {.title = "after", .align = Table::Align::kRight},
               {.title = "ratio", .align = Table::Align::kRight},
               {.title = "95 % interval", .align = Table::Align::kRight},
               {.title = "verdict"}});
  for (const benchmark::Comparison& one : comparisons) {
    table.add({one.scenario, one.target, metric_label(one.metric), metric_value(one.before, one.unit),
               metric_value(one.after, one.unit), fmt::format("{:.2f}", one.ratio),
               fmt::format("{:.2f} to {:.2f}", one.low, one.high),
               std::string(to_string(one.verdict))});
  }
  return table.to_string();
}

}  // namespace penstock::cli
