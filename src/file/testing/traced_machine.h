// TracedMachine: a simulated machine with an AppendModel on it, and a count of what its disk was asked
// for.
#pragma once

#include <map>
#include <string>

#include "file/testing/append_model.h"
#include "file/testing/drain.h"

namespace penstock::file {

class TracedMachine {
 public:
  explicit TracedMachine(AppendOptions options, std::uint64_t seed = 1)
      : machine_(prepared(storage_), traced(seed)), model_("/d/f", options) {
    model_.use(machine_.scheduler, machine_.disk);
  }
  ~TracedMachine() {
    model_.drop();
    drain(machine_.scheduler);
  }
  TracedMachine(const TracedMachine&) = delete;
  TracedMachine& operator=(const TracedMachine&) = delete;

  SimStorage& storage() { return storage_; }
  SimDisk& disk() { return machine_.disk; }
  Scheduler& scheduler() { return machine_.scheduler; }
  AppendModel& model() { return model_; }
  AppendFile& file() { return model_.file(); }

  template <typename T>
  T run(Task<T> task) {
    return machine_.scheduler.run(std::move(task));
  }

  // How many operations on the file have ended since the last call of forget().
  std::size_t count(SimOp op) const {
    const auto found = counts_.find(std::string(to_string(op)));
    return found == counts_.end() ? 0 : found->second;
  }
  std::size_t count_all() const {
    std::size_t sum = 0;
    for (const auto& [name, count] : counts_) sum += count;
    return sum;
  }
  // And how many bytes they wrote.
  std::uint64_t written_bytes() const { return written_bytes_; }
  void forget() {
    counts_.clear();
    written_bytes_ = 0;
  }

 private:
  static SimStorage& prepared(SimStorage& storage) {
    storage.make_directories("/d");
    return storage;
  }
  SimDiskOptions traced(std::uint64_t seed) {
    SimDiskOptions options;
    options.seed = seed;
    // "      1234 us  write /d/f [0, +4096) ok"
    options.trace = [this](std::string_view line) {
      const std::size_t unit = line.find(" us  ");
      if (unit == std::string_view::npos || line.find(" /d/f ") == std::string_view::npos) return;
      const std::string_view rest = line.substr(unit + 5);
      const std::string op(rest.substr(0, rest.find(' ')));
      ++counts_[op];
      if (op == "write") written_bytes_ += std::stoull(std::string(rest.substr(rest.find('+') + 1)));
    };
    return options;
  }

  SimStorage storage_;
  std::map<std::string, std::size_t> counts_;
  std::uint64_t written_bytes_ = 0;
  SimMachine machine_;
  AppendModel model_;
};

}  // namespace penstock::file
