// drain: lets everything that a test left in the background end.
#pragma once

#include "task/scheduler.h"

namespace penstock::file {

inline Task<void> sleep_until_alone(Scheduler& scheduler) {
  // It is one of those that have not ended.
  while (scheduler.spawned_count() > 1) co_await scheduler.sleep_for(std::chrono::microseconds(100));
}

inline void drain(Scheduler& scheduler) { scheduler.run(sleep_until_alone(scheduler)); }

}  // namespace penstock::file
