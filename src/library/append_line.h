// AppendLine: the operations on one append-only file, one after the other.
//
// file::AppendFile takes one caller at a time; here the submitted ones stand in line, and a blocking
// call waits until the line is empty. Syncs in line together become one.
//
// Ownership: shared between the public AppendFile and the coroutine that works the line off, so it
// lives until what was begun has ended. Threading: the engine's thread. Durability: AppendFile's.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "file/append_file.h"
#include "library/engine_core.h"
#include "task/sync.h"

namespace penstock {

class AppendLine : public std::enable_shared_from_this<AppendLine> {
 public:
  using AppendCallback = std::function<void(Result<std::uint64_t>)>;
  using Callback = std::function<void(Result<void>)>;

  struct Limits {
    std::size_t line_max = 0;
    // A sync does not wait for more appended bytes than this behind it.
    std::uint64_t gather_bytes_max = 0;
  };

  AppendLine(EngineCore& core, file::AppendFile file, std::string mode_reason, Limits limits)
      : core_(core),
        file_(std::move(file)),
        mode_reason_(std::move(mode_reason)),
        limits_(limits),
        idle_(core.scheduler()) {}

  // Errors: kBusy; then nothing was done with the callback.
  Result<void> submit_append(ByteView bytes, AppendCallback done);
  Result<void> submit_flush(Callback done);
  Result<void> submit_sync(Callback done);

  Task<Result<std::uint64_t>> append(ByteView bytes);
  Task<Result<void>> flush();
  Task<Result<void>> sync();
  Task<Result<void>> seal();

  // What has not begun ends with kClosed. Returns when nothing is in flight: then the path may be
  // opened again, and no late write lands in what comes after.
  Task<void> close();

  const file::AppendFile& file() const { return file_; }
  const std::string& mode_reason() const { return mode_reason_; }

 private:
  enum class Kind { kAppend, kFlush, kSync };
  struct Operation {
    Kind kind = Kind::kAppend;
    ByteView bytes;
    AppendCallback appended;  // of kAppend
    Callback done;            // of the others
  };

  Result<void> submit(Operation operation);
  Task<void> end();
  static Task<void> work_off(std::shared_ptr<AppendLine> self);
  Task<void> until_idle();
  Task<void> append_first();
  Task<void> flush_first();
  Task<void> sync_first();
  std::size_t gathered_count() const;
  void refuse_first();
  Operation take_first();
  void answer(AppendCallback done, Result<std::uint64_t> result);
  void answer(Callback done, Result<void> result);

  EngineCore& core_;
  file::AppendFile file_;
  std::string mode_reason_;
  Limits limits_;
  std::deque<Operation> line_;
  bool is_working_ = false;
  bool closed_ = false;
  Event idle_;
};

}  // namespace penstock
