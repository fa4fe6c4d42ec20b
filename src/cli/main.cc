#include <csignal>

#include "cli/program.h"

int main(int argument_count, char** arguments) {
  // A reader of our output, or a broker, that goes away is an error of that write, not the end of the
  // process.
  std::signal(SIGPIPE, SIG_IGN);
  penstock::cli::Console console(stdout, stderr);
  const std::vector<std::string> words(arguments + 1, arguments + argument_count);
  return penstock::cli::run_program(words, console);
}
