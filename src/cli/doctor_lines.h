// The parts of diagnose(), by what they are about; and what they have in common.
//
// Threading: pure functions.
#pragma once

#include <utility>

#include "cli/doctor.h"

namespace penstock::cli {

// The file system and its mount options, the space, the device.
std::vector<Diagnosis> storage_lines(const ProbeReport& report);
// What was tried: ways of reading and writing.
std::vector<Diagnosis> io_lines(const ProbeReport& report);
// The kernel, io_uring, and what this process may use.
std::vector<Diagnosis> system_lines(const ProbeReport& report);
std::vector<Diagnosis> speed_lines(const Examination& examination);

// What a line is about, to which a verdict is given.
struct Subject {
  const char* subject;
  const char* id;

  Diagnosis good(std::string finding) const {
    return {subject, id, Verdict::kGood, std::move(finding), ""};
  }
  Diagnosis could_be_better(std::string finding, std::string remedy) const {
    return {subject, id, Verdict::kCouldBeBetter, std::move(finding), std::move(remedy)};
  }
  Diagnosis wrong(std::string finding, std::string remedy) const {
    return {subject, id, Verdict::kWrong, std::move(finding), std::move(remedy)};
  }
  Diagnosis unknown(std::string finding, std::string remedy = "") const {
    return {subject, id, Verdict::kUnknown, std::move(finding), std::move(remedy)};
  }
};

// tmpfs and its like.
bool is_memory(const FileSystemReport& file_system);

}  // namespace penstock::cli
