// ChildProcess: this program once more, in another role, with its standard output in a pipe.
//
// A failure ends the process: a benchmark has nothing to go on with. Ownership: the child is killed, if
// it still runs, and reaped with the object. Threading: one thread.
#pragma once

#include <sys/types.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::bench {

class ChildProcess {
 public:
  // `arguments` begin with the program's name.
  explicit ChildProcess(std::vector<std::string> arguments);
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess();

  // With the line's end.
  std::string read_line();
  // Asks it to end, by SIGTERM.
  void stop();
  void wait();

 private:
  pid_t pid_ = -1;
  std::FILE* output_ = nullptr;
};

// The value behind `flag`; empty when it is not there.
std::string argument_of(int argc, char** argv, std::string_view flag);

}  // namespace penstock::bench
