// run_inline: a coroutine's result, here and now.
//
// RocksDB calls from threads of its own and waits. Over a BlockingDisk without a pool every operation
// has ended when it returns, so a coroutine over it never suspends, and needs no scheduler.
//
// Threading: any thread.
#pragma once

#include <utility>

#include "task/started.h"

namespace penstock::rocksdb {

template <typename T>
T run_inline(Task<T> task) {
  Started<T> started(std::move(task));
  PENSTOCK_ASSERT(started.has_ended(), "a coroutine over a blocking disk has suspended");
  return started.await_resume();
}

}  // namespace penstock::rocksdb
