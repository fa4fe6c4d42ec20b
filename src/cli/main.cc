#include <fcntl.h>
#include <unistd.h>

#include <csignal>

#include "cli/program.h"

namespace {

// A descriptor that was closed by whoever started us would be given to the next file that is opened,
// and what is meant for standard output would land there. Our own children inherit them.
void hold_standard_descriptors() {
  for (int fd = ::open("/dev/null", O_RDWR); fd >= 0; fd = ::dup(fd)) {
    if (fd <= STDERR_FILENO) continue;
    ::close(fd);
    return;
  }
}

}  // namespace

int main(int argument_count, char** arguments) {
  // A reader of our output, or a broker, that goes away is an error of that write, not the end of the
  // process.
  std::signal(SIGPIPE, SIG_IGN);
  hold_standard_descriptors();
  penstock::cli::Console console(stdout, stderr);
  const std::vector<std::string> words(arguments + 1, arguments + argument_count);
  return penstock::cli::run_program(words, console);
}
