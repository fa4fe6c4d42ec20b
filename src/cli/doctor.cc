#include "cli/doctor.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/doctor_lines.h"
#include "penstock/io_mode.h"

namespace penstock::cli {

namespace {

Diagnosis io_mode(const ProbeReport& report) {
  constexpr Subject kSubject{"I/O mode", "io_mode"};
  const Result<ChosenMode> chosen = choose_io_mode(report, RequestedIoMode::kAuto);
  if (!chosen && chosen.error().code() == ErrorCode::kPermission) {
    return kSubject.unknown("not found out", chosen.error().message());
  }
  if (!chosen) return kSubject.wrong("none", chosen.error().message());
  std::string finding = fmt::format("{}: {}", to_string(chosen->mode), chosen->reason);
  if (chosen->mode == IoMode::kDirect) return kSubject.good(std::move(finding));
  return kSubject.could_be_better(std::move(finding), "for 'direct', see the line \"direct I/O\"");
}

// From the best to the worst.
int rank(Verdict verdict) {
  switch (verdict) {
    case Verdict::kGood:
    case Verdict::kUnknown: return 0;
    case Verdict::kCouldBeBetter: return 1;
    case Verdict::kWrong: return 2;
  }
  return 0;
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kGood: return "good";
    case Verdict::kCouldBeBetter: return "could be better";
    case Verdict::kWrong: return "wrong";
    case Verdict::kUnknown: return "-";
  }
  return "-";
}

std::string_view id_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kGood: return "good";
    case Verdict::kCouldBeBetter: return "could_be_better";
    case Verdict::kWrong: return "wrong";
    case Verdict::kUnknown: return "unknown";
  }
  return "unknown";
}

std::vector<Diagnosis> diagnose(const Examination& examination) {
  const ProbeReport& report = examination.report;
  std::vector<Diagnosis> lines;
  for (std::vector<Diagnosis>& part : std::vector{storage_lines(report), io_lines(report),
                                                  system_lines(report), speed_lines(examination)}) {
    std::ranges::move(part, std::back_inserter(lines));
  }
  lines.push_back(io_mode(report));
  return lines;
}

Verdict worst_of(const std::vector<Diagnosis>& lines) {
  Verdict worst = Verdict::kGood;
  for (const Diagnosis& line : lines) {
    if (rank(line.verdict) > rank(worst)) worst = line.verdict;
  }
  return worst;
}

}  // namespace penstock::cli
