// join: start several tasks at once and wait until all have ended.
#pragma once

#include <vector>

#include "task/sync.h"

namespace penstock {

namespace detail {

inline Task<void> count_down(Task<void> task, std::size_t& left, Event& done) {
  co_await task;
  if (--left == 0) done.set();
}

}  // namespace detail

// The tasks start in their order in the scheduler's next turn; how many there may be is the caller's
// bound.
inline Task<void> join(Scheduler& scheduler, std::vector<Task<void>> tasks) {
  if (tasks.empty()) co_return;
  std::size_t left = tasks.size();
  Event done(scheduler);
  for (Task<void>& task : tasks) scheduler.spawn(detail::count_down(std::move(task), left, done));
  co_await done.wait();
}

}  // namespace penstock
