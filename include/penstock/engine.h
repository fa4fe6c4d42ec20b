// Engine: a thread's door to the disk.
//
// Every file is opened on an Engine and does its I/O through it: by io_uring where the kernel grants
// it, by a few worker threads elsewhere. A program opens one Engine in each thread that does I/O, and
// all files of that thread on it. There are two ways to use it:
//
//   - The blocking door: file.append(...), file.read(...). The call returns when it is done.
//   - The asynchronous door, for programs with an event loop: file.submit_append(..., callback) returns
//     at once. poll() runs the callbacks of what has ended; poll_fd() tells the loop when to call it.
//
// Both may be used side by side. Callbacks run inside poll() and wait(), and nowhere else: never inside
// submit_*(), never inside a blocking call. A callback may submit, and may use the blocking door; it
// must not call poll() or wait() (aborts).
//
// Ownership: files and caches must be gone before their Engine (aborts with a message); moving the
// Engine is fine. The memory of a submitted operation stays the caller's, and must stay valid and
// untouched until its callback runs. Destroying an Engine waits until everything in flight has ended,
// and drops the callbacks that have not run, without running them.
//
// Threading: an Engine and everything opened on it belong to one thread, the first that uses it after
// create() (use by another aborts with a message). Threads do not share an Engine; each has its own. A
// process must not fork() and go on using an Engine in the child.
//
// Durability: each file's header says what is durable when. rename() and remove() are durable on
// return.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "penstock/export.h"
#include "penstock/result.h"
#include "penstock/uring_use.h"

namespace penstock {

class EngineCore;

struct EngineOptions {
  UringUse io_uring = UringUse::kAuto;
  // Threads that do the I/O where io_uring is not used; with it there is one, for what has no
  // asynchronous form. 1 to 256.
  std::size_t worker_threads = 4;
  // Submitted operations whose callbacks have not run yet; above that, submit_*() returns kBusy. 1 to
  // 1048576.
  std::size_t pending_max = 4096;
};

class PENSTOCK_API Engine {
 public:
  // Takes about a millisecond. Errors: kInvalidArgument (an option out of range); with UringUse::kOn,
  // kPermission or kNotSupported, saying what denies io_uring; kIo when the system grants no more
  // descriptors.
  static Result<Engine> create(EngineOptions options = {});

  Engine(Engine&&) noexcept;
  Engine& operator=(Engine&&) noexcept;
  ~Engine();

  // Whether I/O goes through io_uring, and one sentence why or why not.
  bool uses_io_uring() const;
  const std::string& io_uring_reason() const;

  // Runs the callbacks of the operations that have ended, and hands what was submitted to the kernel.
  // Returns how many callbacks it ran. Never waits. What callbacks submit is handed over too, and its
  // own callbacks run in the next poll(). An exception that leaves a callback leaves poll(); the
  // callbacks behind it run in the next one.
  std::size_t poll();

  // The same, but waits until there is at least one callback to run, or `timeout` has passed. Returns
  // at once when nothing is pending. A signal does not end it.
  std::size_t wait(std::chrono::nanoseconds timeout);

  // A descriptor that is readable (EPOLLIN, level-triggered) when poll() has something to do; for
  // epoll, poll or select. Not to be read, written or closed. The same for the Engine's whole life. It
  // may be readable with nothing to do. The kernel's work for io_uring may end an epoll_wait() with
  // EINTR, as a signal does: wait again. Errors: kIo when the system grants no more descriptors.
  Result<int> poll_fd();

  // Submitted operations whose callbacks have not run yet.
  std::size_t pending() const;

  // Gives the file at `from` the name `to`, in one step; a file that is already called `to` is
  // replaced. Both on one file system. Durable on return: after a crash `to` is the one file or the
  // other, whole. Errors: kNotFound, kPermission, kInvalidArgument (two file systems), kIo.
  Result<void> rename(const std::string& from, const std::string& to);

  // Removes a file, durably. Errors: kNotFound, kPermission, kIo.
  Result<void> remove(const std::string& path);

 private:
  friend class AppendFile;
  friend class BlockCache;
  friend class ReadFile;

  explicit Engine(std::unique_ptr<EngineCore> core);

  std::unique_ptr<EngineCore> core_;
};

}  // namespace penstock
