// MemoryCatalog: a catalog for simulated machines.
//
// What it holds is in a MemoryCatalogStorage that outlives the machine. A write takes virtual time, so
// that whoever waits for it is overtaken, and it can be told to fail.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <ranges>

#include "catalog/catalog.h"

namespace penstock::catalog::testing {

using MemoryCatalogStorage = std::map<std::string, std::string>;

class MemoryCatalog final : public Catalog {
 public:
  explicit MemoryCatalog(MemoryCatalogStorage& storage,
                         Duration latency = std::chrono::microseconds(100))
      : storage_(storage), latency_(latency) {}

  Task<Result<void>> write(Scheduler& home, Change change) override {
    if (change.empty()) co_return Result<void>();
    ++write_count_;
    co_await home.sleep_for(latency_);
    const bool fails = failure_ && writes_until_failure_ == 0;
    if (writes_until_failure_ > 0) --writes_until_failure_;
    if (!fails || is_failure_late_) {
      for (const Change::Step& step : change.steps()) apply(step);
    }
    if (fails) co_return Unexpected(*failure_);
    co_return Result<void>();
  }

  Task<Result<std::vector<Entry>>> scan(Scheduler& home, std::string prefix) override {
    co_await home.sleep_for(latency_);
    if (failure_ && writes_until_failure_ == 0 && !is_failure_late_) co_return Unexpected(*failure_);
    std::vector<Entry> entries;
    for (const auto& [key, value] : range(prefix)) entries.push_back({key, value});
    co_return entries;
  }

  // From now on, or `after_writes` more writes, every call fails like this; nothing: they succeed
  // again.
  void fail_with(std::optional<Error> failure, std::uint64_t after_writes = 0) {
    failure_ = std::move(failure);
    writes_until_failure_ = after_writes;
    is_failure_late_ = false;
  }
  // Every write fails like this, and takes effect all the same.
  void fail_late_with(Error failure) {
    failure_ = std::move(failure);
    writes_until_failure_ = 0;
    is_failure_late_ = true;
  }
  std::uint64_t write_count() const { return write_count_; }

 private:
  std::ranges::subrange<MemoryCatalogStorage::iterator> range(const std::string& prefix) {
    const auto begin = storage_.lower_bound(prefix);
    const auto has_prefix = [&prefix](const auto& entry) { return entry.first.starts_with(prefix); };
    return {begin, std::find_if_not(begin, storage_.end(), has_prefix)};
  }
  void apply(const Change::Step& step) {
    switch (step.kind) {
      case Change::Kind::kPut: storage_[step.key] = step.value; return;
      case Change::Kind::kErase: storage_.erase(step.key); return;
      case Change::Kind::kErasePrefix: {
        const auto gone = range(step.key);
        storage_.erase(gone.begin(), gone.end());
        return;
      }
    }
  }

  MemoryCatalogStorage& storage_;
  Duration latency_;
  std::optional<Error> failure_;
  std::uint64_t writes_until_failure_ = 0;
  bool is_failure_late_ = false;
  std::uint64_t write_count_ = 0;
};

}  // namespace penstock::catalog::testing
