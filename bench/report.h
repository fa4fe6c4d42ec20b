// Report: what every benchmark program takes and prints.
//
//   --dir DIR     where to measure (a directory of its own is made there, and removed)
//   --quick       fewer samples
//   --json FILE   the rows, for machines
//   --check       exit 1 if a row is missed
//
// A program with several groups of rows also takes --only NAME (again for more) and --list.
//
// A row says what was measured, the raw or peer figure that it is a ratio of, from the same run, what
// is to be reached, and whether it was.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::bench {

struct Options {
  std::string directory = ".";
  bool quick = false;
  std::optional<std::string> json_file;
  bool check = false;
  std::vector<std::string> only;  // the groups to run; empty: all

  bool wants(std::string_view group) const {
    return only.empty() || std::ranges::find(only, group) != only.end();
  }
};

// A group of rows that can be run by itself.
struct GroupName {
  std::string name;
  std::string meaning;  // one line
};

// Reads the flags; ends the process on --help, on --list, and on bad ones. `purpose` is one sentence;
// `groups` is empty for a program that has only one.
Options parse_options(int argc, char** argv, const std::string& purpose,
                      const std::vector<GroupName>& groups = {});

struct Row {
  std::string measure;
  double measured = 0;
  std::string unit;   // of `measured`: "x", "us", "MB/s"
  std::string basis;  // the figures behind it, in words
  // What to reach, at most or at least; none: the row is for information.
  std::optional<double> at_most;
  std::optional<double> at_least;

  bool is_missed() const;
};

class Report {
 public:
  Report(std::string name, Options options) : name_(std::move(name)), options_(std::move(options)) {}

  void add(Row row) { rows_.push_back(std::move(row)); }
  // A line on the machine or the run.
  void note(std::string line) { notes_.push_back(std::move(line)); }

  // Prints everything, writes the JSON file if one was asked for, and returns the process's exit code.
  int finish() const;

 private:
  std::string name_;
  Options options_;
  std::vector<Row> rows_;
  std::vector<std::string> notes_;
};

}  // namespace penstock::bench
