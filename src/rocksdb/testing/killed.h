// A piece of work in a process of its own that ends with kill -9.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>

namespace penstock::rocksdb {

// RocksDB's threads do not come along, though its pools believe it: one test per process, as ctest runs
// them. The child's last act is the signal.
inline void run_and_kill(const std::function<void()>& work) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::alarm(240);  // whatever it may wait for
    work();
    // A test that failed over there must not look like one that was killed.
    if (::testing::Test::HasFailure()) ::_exit(1);
    ::raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
}

}  // namespace penstock::rocksdb
