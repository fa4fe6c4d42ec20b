// run_captured: the program in this process, with what it prints.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "cli/program.h"

namespace penstock::cli {

struct Captured {
  int exit_code = 0;
  std::string out;
  std::string err;
};

// A stream into memory.
class MemoryStream {
 public:
  MemoryStream() : stream_(::open_memstream(&text_, &size_)) {}
  MemoryStream(const MemoryStream&) = delete;
  MemoryStream& operator=(const MemoryStream&) = delete;
  ~MemoryStream() {
    std::fclose(stream_);
    std::free(text_);
  }
  std::FILE* get() { return stream_; }
  std::string text() {
    std::fflush(stream_);
    return {text_, size_};
  }

 private:
  char* text_ = nullptr;
  std::size_t size_ = 0;
  std::FILE* stream_;
};

inline Captured run_captured(const std::vector<std::string>& words) {
  MemoryStream out;
  MemoryStream err;
  Captured captured;
  {
    Console console(out.get(), err.get());
    captured.exit_code = run_program(words, console);
  }
  captured.out = out.text();
  captured.err = err.text();
  return captured;
}

}  // namespace penstock::cli
