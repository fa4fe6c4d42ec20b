#include "cli/doctor_command.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/exit_code.h"
#include "cli/text.h"
#include "disk/io_mode.h"

namespace penstock::cli {

namespace {

using Json = nlohmann::ordered_json;

struct DoctorOptions {
  std::string path;
  bool json = false;
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

// `text` from the third column on, continued under itself.
std::string column_text(std::string_view text, std::size_t columns) {
  std::string block;
  for (const std::string& line : wrap(text, columns - kIndent)) {
    if (!block.empty()) block += fmt::format("{:<{}}", "", kIndent);
    block += line + "\n";
  }
  return block;
}

int exit_code_of(const std::vector<Diagnosis>& lines) {
  const bool wrong = std::ranges::find(lines, Verdict::kWrong, &Diagnosis::verdict) != lines.end();
  return wrong ? kDamage : kSuccess;
}

int print_json(const ProbeReport& report, Console& console) {
  const std::vector<Diagnosis> lines = diagnose(report);
  Json json = {{"path", report.path},
               {"directory", report.directory},
               {"kernel", report.kernel},
               {"file_system", report.file_system},
               {"mount_point", report.mount_point},
               {"mount_options", report.mount_options},
               {"mount_source", report.mount_source},
               {"device", report.device},
               {"logical_block_bytes", report.logical_block_bytes},
               {"physical_block_bytes", report.physical_block_bytes},
               {"available_bytes", report.available_bytes},
               {"total_bytes", report.total_bytes}};
  const auto chosen = choose_io_mode(report, RequestedIoMode::kAuto);
  json["io_mode"] = chosen ? Json(to_string(chosen->mode)) : Json(nullptr);
  Json& checks = json["checks"] = Json::array();
  for (const Diagnosis& line : lines) {
    const Json verdict =
        line.verdict == Verdict::kUnknown ? Json(nullptr) : Json(to_string(line.verdict));
    checks.push_back(
        {{"check", line.id}, {"verdict", verdict}, {"finding", line.finding}, {"remedy", line.remedy}});
  }
  console.print("{}\n", json.dump(2));
  return exit_code_of(lines);
}

int run_doctor(const DoctorOptions& options, Console& console) {
  const Result<ProbeReport> report = probe(options.path);
  if (!report) {
    console.complain(report.error());
    return kFailed;
  }
  return options.json ? print_json(*report, console) : print_diagnosis(*report, console);
}

}  // namespace

int print_diagnosis(const ProbeReport& report, Console& console) {
  const std::vector<Diagnosis> lines = diagnose(report);
  const std::size_t columns = console.columns();
  const bool colours = console.colours();
  const bool is_parent = report.path != report.directory;
  console.print("{}{}, Linux {}\n\n", report.path, is_parent ? ", probed in " + report.directory : "",
                report.kernel);
  for (const Diagnosis& line : lines) {
    console.print("{:<{}}{}{}", line.subject, kSubjectColumns, verdict_cell(line.verdict, colours),
                  column_text(line.finding, columns));
    if (line.remedy.empty()) continue;
    console.print("{:<{}}{}", "", kIndent, column_text("to do: " + line.remedy, columns));
  }
  return exit_code_of(lines);
}

void add_doctor_command(CLI::App& app, Console& console, int& exit_code) {
  CLI::App& doctor = *app.add_subcommand(
      "doctor",
      "Say what this file system and device can do, which I/O mode will be used, and what to change");
  doctor.footer(fmt::format("Example:\n  penstock doctor ./data\n\n{}", kExitCodesHelp));
  const auto options = std::make_shared<DoctorOptions>();
  doctor.add_option("PATH", options->path, "A directory, or a file to be made in one")
      ->type_name("")
      ->required();
  doctor.add_flag("--json", options->json, "Print JSON");
  doctor.callback([options, &console, &exit_code] { exit_code = run_doctor(*options, console); });
}

}  // namespace penstock::cli
