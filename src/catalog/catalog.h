// Catalog: what a broker remembers besides messages. An ordered map from keys to values, durable.
//
// What keys and values mean is their owners' business (docs/format.md, "The catalog"); here they are
// bytes. A change is all or nothing, and the changes of one thread take effect in the order of their
// calls. What cannot be taken for done after an error may have been done all the same.
//
// Threading: any scheduler's thread may call, and says whose it is.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "task/scheduler.h"
#include "task/task.h"

namespace penstock::catalog {

struct Entry {
  std::string key;
  std::string value;
  friend auto operator<=>(const Entry&, const Entry&) = default;
};

// What one write changes: later steps win over earlier ones of the same key.
class Change {
 public:
  enum class Kind { kPut, kErase, kErasePrefix };
  struct Step {
    Kind kind;
    std::string key;
    std::string value;
  };

  void put(std::string key, std::string value) {
    size_bytes_ += key.size() + value.size();
    steps_.push_back({Kind::kPut, std::move(key), std::move(value)});
  }
  void erase(std::string key) {
    size_bytes_ += key.size();
    steps_.push_back({Kind::kErase, std::move(key), {}});
  }
  // Every key that begins so.
  void erase_prefix(std::string prefix) {
    steps_.push_back({Kind::kErasePrefix, std::move(prefix), {}});
  }

  bool empty() const { return steps_.empty(); }
  // What it adds, about.
  std::size_t size_bytes() const { return size_bytes_; }
  const std::vector<Step>& steps() const { return steps_; }

 private:
  std::vector<Step> steps_;
  std::size_t size_bytes_ = 0;
};

class Catalog {
 public:
  virtual ~Catalog() = default;

  // Durable on return: it survives a power cut. Errors: kNoSpace, kIo; kCorrupt.
  virtual Task<Result<void>> write(Scheduler& home, Change change) = 0;

  // Everything whose key begins with `prefix`, in the order of the keys (bytes, unsigned).
  virtual Task<Result<std::vector<Entry>>> scan(Scheduler& home, std::string prefix) = 0;
};

}  // namespace penstock::catalog
