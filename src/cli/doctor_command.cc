#include "cli/doctor_command.h"

#include <algorithm>

#include "cli/doctor_json.h"
#include "cli/exit_code.h"
#include "cli/text.h"

namespace penstock::cli {

namespace {

struct DoctorOptions {
  std::string path;
  bool json = false;
  bool skips_measurement = false;
  unsigned seconds = MeasureOptions{}.seconds;
};

constexpr std::size_t kSubjectColumns = 16;
constexpr std::size_t kVerdictColumns = 17;
constexpr std::size_t kIndent = kSubjectColumns + kVerdictColumns;

std::string_view colour_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kGood: return "\x1b[32m";
    case Verdict::kCouldBeBetter: return "\x1b[33m";
    case Verdict::kWrong: return "\x1b[31m";
    case Verdict::kUnknown: return "\x1b[2m";
  }
  return "";
}

std::string verdict_cell(Verdict verdict, bool colours) {
  const std::string padded = fmt::format("{:<{}}", to_string(verdict), kVerdictColumns);
  return colours ? fmt::format("{}{}\x1b[0m", colour_of(verdict), padded) : padded;
}

// `text` from column `indent` on, continued under itself. A word that does not fit (a long path, a list
// of mount options) is broken where the column ends.
std::string column_text(std::string_view text, std::size_t columns, std::size_t indent) {
  const std::size_t width = columns - indent;
  std::string block;
  const auto add = [&](std::string_view line) {
    if (!block.empty()) block += fmt::format("{:<{}}", "", indent);
    block.append(line).append("\n");
  };
  for (const std::string& line : wrap(text, width)) {
    for (std::size_t at = 0; at == 0 || at < line.size(); at += width) {
      add(std::string_view(line).substr(at, width));
    }
  }
  return block;
}

std::size_t count_verdicts(const std::vector<Diagnosis>& lines, Verdict verdict) {
  return static_cast<std::size_t>(std::ranges::count(lines, verdict, &Diagnosis::verdict));
}

std::string summary_of(const Examination& examination, const std::vector<Diagnosis>& lines) {
  const std::size_t wrong = count_verdicts(lines, Verdict::kWrong);
  const std::size_t better = count_verdicts(lines, Verdict::kCouldBeBetter);
  if (wrong > 0) {
    return fmt::format("{} wrong: Penstock cannot keep its promises here. {} could be better.",
                       wrong == 1 ? "One line is" : fmt::format("{} lines are", wrong), better);
  }
  if (!examination.report.writable.works()) {
    return "Nothing wrong was seen, but what needs a file could not be tried.";
  }
  if (better == 0) return "Nothing is wrong, and nothing needs to be done.";
  return fmt::format("Nothing is wrong. {} could be better.", count_of(better, "line"));
}

void print_list(std::string_view title, const std::vector<std::string>& items, Console& console) {
  for (const std::string& item : items) {
    console.print("{:<{}}{}", title, kSubjectColumns,
                  column_text(item, console.columns(), kSubjectColumns));
    title = "";
  }
}

void run_measurement(Examination& examination, unsigned seconds, Console& console) {
  if (!examination.report.writable.works()) {
    examination.not_measured = "no file could be made there";
    return;
  }
  MeasureOptions options;
  options.seconds = seconds;
  options.progress = [&console](std::string_view what, double share) {
    console.progress(fmt::format("measuring {}: {:.0f} %", what, share * 100));
  };
  Result<Measurement> measured = measure(examination.report, options);
  console.end_progress();
  if (measured) {
    examination.measurement = std::move(*measured);
  } else {
    examination.not_measured = measured.error().message();
  }
}

int run_doctor(const DoctorOptions& options, Console& console) {
  Result<ProbeReport> report = probe(options.path, {.look_only_if_denied = true});
  if (!report) {
    console.complain(report.error());
    return kFailed;
  }
  Examination examination{.report = std::move(*report), .measurement = {}, .not_measured = ""};
  if (!options.skips_measurement) run_measurement(examination, options.seconds, console);
  if (options.json) {
    console.print("{}\n", to_json(examination)
                              .dump(2, ' ', /*ensure_ascii=*/false,
                                    nlohmann::ordered_json::error_handler_t::replace));
  } else {
    print_examination(examination, console);
  }
  return exit_code_of(examination);
}

}  // namespace

void print_examination(const Examination& examination, Console& console) {
  const ProbeReport& report = examination.report;
  const std::vector<Diagnosis> lines = diagnose(examination);
  const std::size_t columns = console.columns();
  const bool colours = console.colours();
  const bool is_parent = report.path != report.directory;
  console.print("{}\n", column_text(report.path + (is_parent ? ", probed in " + report.directory : ""),
                                    columns, 0));
  for (const Diagnosis& line : lines) {
    console.print("{:<{}}{}{}", line.subject, kSubjectColumns, verdict_cell(line.verdict, colours),
                  column_text(line.finding, columns, kIndent));
    if (line.remedy.empty()) continue;
    console.print("{:<{}}{}", "", kIndent, column_text("to do: " + line.remedy, columns, kIndent));
  }
  if (!report.unknown.empty() || (examination.measurement && !examination.measurement->notes.empty())) {
    console.write("\n");
  }
  print_list("not known", report.unknown, console);
  if (examination.measurement) print_list("measured", examination.measurement->notes, console);
  console.print("\n{}", column_text(summary_of(examination, lines), columns, 0));
}

int exit_code_of(const Examination& examination) {
  if (worst_of(diagnose(examination)) == Verdict::kWrong) return kDamage;
  return examination.report.writable.works() ? kSuccess : kFailed;
}

void add_doctor_command(CLI::App& app, Console& console, int& exit_code) {
  CLI::App& doctor = *app.add_subcommand(
      "doctor",
      "Say what this file system and device can do, which I/O mode will be used, how fast "
      "that is, and what to change");
  doctor.footer(
      fmt::format("It writes at most 256 MiB, and at most a tenth of the available space, into files "
                  "that nobody else "
                  "sees and\nthat go with it.\n\n"
                  "Example:\n  penstock doctor ./data\n\n{}",
                  kExitCodesHelp));
  const auto options = std::make_shared<DoctorOptions>();
  doctor.add_option("PATH", options->path, "A directory, or a file to be made in one")
      ->type_name("")
      ->required();
  doctor.add_flag("--json", options->json, "Print JSON (its fields: docs/doctor.md)");
  CLI::Option* const no_measure =
      doctor.add_flag("--no-measure", options->skips_measurement, "Do not measure how fast it is");
  doctor.add_option("--seconds", options->seconds, "How long to measure, 1 to 60; default 2")
      ->type_name("N")
      ->check(CLI::Range(1, 60))
      ->excludes(no_measure);
  doctor.callback([options, &console, &exit_code] { exit_code = run_doctor(*options, console); });
}

}  // namespace penstock::cli
