#include "cli/doctor_command.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "base/testing/temp_directory.h"
#include "cli/doctor_json.h"
#include "cli/exit_code.h"
#include "cli/testing/captured_program.h"
#include "cli/testing/good_examination.h"

namespace penstock::cli {
namespace {

using Json = nlohmann::json;

std::string printed(const Examination& examination, std::size_t& columns) {
  MemoryStream out;
  MemoryStream err;
  {
    Console console(out.get(), err.get());
    columns = console.columns();
    print_examination(examination, console);
    console.flush();
  }
  return out.text();
}

// The worst that there can be: remedies and reasons everywhere, and words that fit nowhere.
Examination long_examination() {
  Examination examination = good_examination();
  ProbeReport& report = examination.report;
  report.path = "/" + std::string(300, 'p');
  report.file_system.type = "overlay";
  report.file_system.mount_options = "rw,discard,lowerdir=/" + std::string(500, 'x');
  report.device.fua = false;
  report.device.write_cache = "write back";
  report.device.io_scheduler = "mq-deadline";
  report.direct = report.uncached = {.tried = Tried::kFails, .why = "no"};
  report.unknown = {"what is under loop3: its file /" + std::string(200, 'f') +
                    " cannot be seen from here"};
  examination.measurement->notes = {"the space for durable writes was used up before their time"};
  return examination;
}

TEST(DoctorCommand, LinesFitTheColumnsAndHaveNoColoursInAPipe) {
  for (const Examination& examination : {good_examination(), long_examination()}) {
    std::size_t columns = 0;
    std::istringstream lines(printed(examination, columns));
    for (std::string line; std::getline(lines, line);) {
      EXPECT_LE(line.size(), columns) << line;
      EXPECT_EQ(line.find('\x1b'), std::string::npos) << line;
    }
  }
}

TEST(DoctorCommand, SaysWhatIsNotKnownAndSumsUp) {
  std::size_t columns = 0;
  const std::string text = printed(long_examination(), columns);
  EXPECT_NE(text.find("\nnot known       what is under loop3"), std::string::npos) << text;
  EXPECT_NE(text.find("\nmeasured        the space"), std::string::npos) << text;
  EXPECT_NE(text.find("\nNothing is wrong. "), std::string::npos) << text;
  EXPECT_NE(printed(good_examination(), columns).find("nothing needs to be done"), std::string::npos);
  Examination wrong = good_examination();
  wrong.report.file_system.type = "tmpfs";
  EXPECT_NE(printed(wrong, columns).find("One line is wrong"), std::string::npos);
  Examination denied = good_examination();
  denied.report.writable = {.tried = Tried::kFails, .why = "denied"};
  EXPECT_NE(printed(denied, columns).find("could not be tried"), std::string::npos);
}

TEST(DoctorCommand, TheExitCodeTellsWhatIsWrongAndWhatCouldNotBeTried) {
  EXPECT_EQ(exit_code_of(good_examination()), kSuccess);
  EXPECT_EQ(exit_code_of(long_examination()), kSuccess);
  Examination denied = good_examination();
  denied.report.writable = {.tried = Tried::kFails, .why = "denied"};
  EXPECT_EQ(exit_code_of(denied), kFailed);
  Examination wrong = denied;
  wrong.report.file_system.type = "tmpfs";
  EXPECT_EQ(exit_code_of(wrong), kDamage);
}

TEST(DoctorJson, HasEveryValueOfTheReport) {
  Examination examination = good_examination();
  examination.report.io_uring.missing_opcodes = {"FTRUNCATE"};
  examination.report.device.loop_direct_io = false;
  examination.report.direct = {.tried = Tried::kIgnored, .why = "it \"pretends\"\n"};
  examination.report.unknown = {"what is under loop0"};
  const Json json = Json::parse(to_json(examination).dump());
  EXPECT_EQ(json["path"], "/data");
  EXPECT_EQ(json["directory"], "/data");
  EXPECT_EQ(json["verdict"], "could_be_better");
  EXPECT_EQ(json["io_mode"]["mode"], "uncached");
  EXPECT_EQ(json["kernel"], Json::parse(R"({"release": "6.18.0", "major": 6, "minor": 18})"));
  EXPECT_EQ(json["file_system"], Json::parse(R"({
      "type": "ext4", "mount_point": "/data", "mount_options": "rw,noatime,rw,data=ordered",
      "source": "/dev/nvme0n1", "total_bytes": 107374182400, "available_bytes": 53687091200,
      "total_inodes": 6000000, "available_inodes": 5000000})"));
  EXPECT_EQ(json["device"], Json::parse(R"({
      "name": "nvme0n1", "layers": [{"name": "nvme0n1", "kind": "disk", "detail": "Fast SSD"}],
      "logical_block_bytes": 512, "physical_block_bytes": 4096, "write_cache": "write through", "fua": true,
      "rotational": false, "io_scheduler": "none", "io_scheduler_device": "nvme0n1",
      "loop_direct_io": false})"));
  EXPECT_EQ(json["limits"], Json::parse(R"({
      "memlock_bytes": null, "open_files": 1024, "open_files_hard": 1048576, "file_size_bytes": null,
      "control_group_bytes": null, "memory_bytes": 68719476736})"));
  EXPECT_EQ(json["alignment"], Json::parse(R"({
      "memory_bytes": 4, "offset_bytes": 512, "read_bytes": 512, "write_bytes": 4096, "source": "statx"})"));
  EXPECT_EQ(json["direct"], Json::parse(R"({"tried": "ignored", "why": "it \"pretends\"\n"})"));
  for (const char* field :
       {"writable", "uncached", "durable_write", "nowait", "allocate", "write_zeroes"}) {
    EXPECT_EQ(json[field], Json::parse(R"({"tried": "works", "why": null})")) << field;
  }
  EXPECT_EQ(json["atomic_writes"], Json::parse(R"({
      "tried": "works", "why": null, "min_bytes": 4096, "max_bytes": 65536})"));
  EXPECT_EQ(json["io_uring"], Json::parse(R"({
      "tried": "works", "why": null, "disabled_sysctl": 0, "single_issuer": true, "defer_taskrun": true,
      "missing_opcodes": ["FTRUNCATE"]})"));
  EXPECT_EQ(json["unknown"], Json::parse(R"(["what is under loop0"])"));
  EXPECT_EQ(json["not_measured"], nullptr);
}

TEST(DoctorJson, HasEverySampleOfTheMeasurement) {
  Examination examination = good_examination();
  examination.measurement->durable_growing = {
      .samples_us = {150.04F, 199.96F}, .p50_us = 150.04, .p99_us = 200};
  examination.measurement->notes = {"a note"};
  const Json json = Json::parse(to_json(examination).dump())["measurement"];
  EXPECT_EQ(json["mode"], "direct");
  EXPECT_EQ(json["io_uring"], true);
  EXPECT_EQ(json["seconds"], 2.0);
  EXPECT_EQ(json["file_bytes"], 256 * kMiB);
  EXPECT_EQ(json["durable_growing"], Json::parse(R"({
      "count": 2, "p50_us": 150.0, "p99_us": 200.0, "samples_us": [150.0, 200.0]})"));
  for (const char* field : {"durable_allocated", "durable_prewritten", "random_read"}) {
    EXPECT_EQ(json[field]["count"], 3) << field;
    EXPECT_EQ(json[field]["samples_us"].size(), 3U) << field;
  }
  EXPECT_EQ(json["random_read_many"], Json::parse(R"({
      "bytes": 419430400, "operations": 102400, "seconds": 1.0, "in_flight": 32,
      "bytes_per_second": 419430400.0, "operations_per_second": 102400.0})"));
  EXPECT_EQ(json["sequential_write"]["operations"], 1024);
  EXPECT_EQ(json["sequential_read"]["operations"], 2048);
  EXPECT_EQ(json["processor_use"], 0.01);
  EXPECT_EQ(json["notes"], Json::parse(R"(["a note"])"));
}

TEST(DoctorJson, ChecksAreTheLinesOfTheReport) {
  const Examination examination = long_examination();
  const Json json = Json::parse(to_json(examination).dump());
  const auto lines = diagnose(examination);
  ASSERT_EQ(json["checks"].size(), lines.size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    EXPECT_EQ(json["checks"][i]["check"], lines[i].id);
    EXPECT_EQ(json["checks"][i]["verdict"], id_of(lines[i].verdict));
    EXPECT_EQ(json["checks"][i]["finding"], lines[i].finding);
    EXPECT_EQ(json["checks"][i]["remedy"],
              lines[i].remedy.empty() ? Json(nullptr) : Json(lines[i].remedy));
  }
}

void collect_fields(const Json& json, std::set<std::string>& fields) {
  for (const auto& [key, value] : json.items()) {
    if (json.is_object()) fields.insert(key);
    if (value.is_structured()) collect_fields(value, fields);
  }
}

TEST(DoctorJson, EveryFieldAndCheckIsDocumented) {
  std::ifstream file(std::filesystem::path(PENSTOCK_DOCS_DIRECTORY) / "doctor.md");
  ASSERT_TRUE(file) << "docs/doctor.md";
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::set<std::string> fields;
  collect_fields(Json::parse(to_json(good_examination()).dump()), fields);
  for (const Diagnosis& line : diagnose(good_examination())) fields.insert(line.id);
  EXPECT_GT(fields.size(), 80U);
  for (const std::string& field : fields) {
    EXPECT_NE(text.find("`" + field + "`"), std::string::npos) << field;
  }
}

TEST(DoctorCommand, ExaminesAndMeasuresTheDirectoryItWasGiven) {
  const TempDirectory directory;
  const Captured captured = run_captured({"doctor", "--json", "--seconds", "1", directory.path()});
  ASSERT_NE(captured.out, "") << captured.err;
  const Json json = Json::parse(captured.out);
  EXPECT_EQ(json["directory"], directory.path());
  EXPECT_GT(json["measurement"]["durable_prewritten"]["count"], 0);
  EXPECT_EQ(captured.exit_code, json["verdict"] == "wrong" ? kDamage : kSuccess);
  EXPECT_EQ(captured.err, "") << "no progress where nobody looks";
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(DoctorCommand, DoesNotMeasureWhenItIsNotAskedTo) {
  const TempDirectory directory;
  const Json json =
      Json::parse(run_captured({"doctor", "--json", "--no-measure", directory.path()}).out);
  EXPECT_EQ(json["measurement"], nullptr);
  EXPECT_EQ(json["not_measured"], nullptr);
  const std::string text = run_captured({"doctor", "--no-measure", directory.path()}).out;
  EXPECT_NE(text.find("\nI/O mode "), std::string::npos) << text;
  EXPECT_EQ(text.find("commit speed"), std::string::npos) << text;
}

TEST(DoctorCommand, APathThatIsNotThereIsAnError) {
  const TempDirectory directory;
  const Captured captured = run_captured({"doctor", "--no-measure", directory / "a/b"});
  EXPECT_EQ(captured.exit_code, kFailed);
  EXPECT_EQ(captured.out, "");
  EXPECT_NE(captured.err.find(directory / "a/b"), std::string::npos) << captured.err;
}

TEST(DoctorCommand, ImpossibleTimesAreWrongUsage) {
  for (const char* seconds : {"0", "61", "-1", "x", "1.5"}) {
    EXPECT_EQ(run_captured({"doctor", "--seconds", seconds, "."}).exit_code, kUsage) << seconds;
  }
  EXPECT_EQ(run_captured({"doctor", "--no-measure", "--seconds", "1", "."}).exit_code, kUsage);
}

}  // namespace
}  // namespace penstock::cli
