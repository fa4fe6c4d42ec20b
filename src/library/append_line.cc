#include "library/append_line.h"

#include <algorithm>

namespace penstock {

Result<void> AppendLine::submit_append(ByteView bytes, AppendCallback done) {
  return submit({.kind = Kind::kAppend, .bytes = bytes, .appended = std::move(done), .done = {}});
}

Result<void> AppendLine::submit_flush(Callback done) {
  return submit({.kind = Kind::kFlush, .bytes = {}, .appended = {}, .done = std::move(done)});
}

Result<void> AppendLine::submit_sync(Callback done) {
  return submit({.kind = Kind::kSync, .bytes = {}, .appended = {}, .done = std::move(done)});
}

Task<Result<std::uint64_t>> AppendLine::append(ByteView bytes) {
  co_await until_idle();
  const Result<FilePosition> position = co_await file_.append(bytes);
  if (!position) co_return Unexpected(position.error());
  co_return position->value;
}

Task<Result<void>> AppendLine::flush() {
  co_await until_idle();
  co_return co_await file_.flush();
}

Task<Result<void>> AppendLine::sync() {
  co_await until_idle();
  co_return co_await file_.sync();
}

Task<Result<void>> AppendLine::seal() {
  co_await until_idle();
  co_return co_await file_.seal();
}

Task<void> AppendLine::close() {
  closed_ = true;  // from now on, not from the task's first turn on: the line may have one before
  return end();
}

Task<void> AppendLine::end() {
  co_await until_idle();
  co_await file_.close();
}

Result<void> AppendLine::submit(Operation operation) {
  if (line_.size() >= limits_.line_max) {
    return fail(ErrorCode::kBusy,
                "{} operations on {} wait in line, which is AppendFileOptions::line_max: call "
                "Engine::poll() or wait() before submitting more",
                line_.size(), file_.path());
  }
  const Result<void> admitted = core_.admit();
  if (!admitted) return Unexpected(admitted.error());
  line_.push_back(std::move(operation));
  if (!is_working_) {
    is_working_ = true;
    core_.start(work_off(shared_from_this()));
  }
  return {};
}

Task<void> AppendLine::until_idle() {
  while (is_working_) co_await idle_.wait();
}

Task<void> AppendLine::work_off(std::shared_ptr<AppendLine> self) {
  while (!self->line_.empty()) {
    if (self->closed_) {
      self->refuse_first();
      continue;
    }
    switch (self->line_.front().kind) {
      case Kind::kAppend: co_await self->append_first(); break;
      case Kind::kFlush: co_await self->flush_first(); break;
      case Kind::kSync: co_await self->sync_first(); break;
    }
  }
  self->is_working_ = false;
  self->idle_.pulse();
}

Task<void> AppendLine::append_first() {
  Operation operation = take_first();
  const Result<FilePosition> position = co_await file_.append(operation.bytes);
  if (position) {
    answer(std::move(operation.appended), position->value);
  } else {
    answer(std::move(operation.appended), Unexpected(position.error()));
  }
}

Task<void> AppendLine::flush_first() {
  const Operation operation = take_first();
  answer(operation.done, co_await file_.flush());
}

// Group commit: one sync for all that wait, behind the appends among them.
Task<void> AppendLine::sync_first() {
  std::vector<Callback> waiting;
  for (std::size_t left = gathered_count(); left > 0 && !closed_; --left) {
    if (line_.front().kind == Kind::kSync) {
      waiting.push_back(take_first().done);
    } else {
      co_await append_first();
    }
  }
  const Result<void> synced = co_await file_.sync();
  for (Callback& done : waiting) answer(std::move(done), synced);
}

// How many operations at the front of the line one sync can stand for: up to the last sync that has
// nothing but appends before it, and not too many of those.
std::size_t AppendLine::gathered_count() const {
  std::size_t count = 0;
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < line_.size(); ++i) {
    const Operation& operation = line_[i];
    if (operation.kind == Kind::kFlush) break;
    if (operation.kind == Kind::kSync) count = i + 1;
    bytes += operation.bytes.size();
    if (bytes > limits_.gather_bytes_max) break;
  }
  return count;
}

void AppendLine::refuse_first() {
  Operation operation = take_first();
  const Unexpected closed =
      fail(ErrorCode::kClosed, "{} was closed before this operation had begun", file_.path());
  if (operation.kind == Kind::kAppend) {
    answer(std::move(operation.appended), closed);
  } else {
    answer(std::move(operation.done), closed);
  }
}

AppendLine::Operation AppendLine::take_first() {
  Operation first = std::move(line_.front());
  line_.pop_front();
  return first;
}

void AppendLine::answer(AppendCallback done, Result<std::uint64_t> result) {
  core_.answer(
      [done = std::move(done), result = std::move(result)]() mutable { done(std::move(result)); });
}

void AppendLine::answer(Callback done, Result<void> result) {
  core_.answer(
      [done = std::move(done), result = std::move(result)]() mutable { done(std::move(result)); });
}

}  // namespace penstock
