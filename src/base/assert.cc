#include "base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace penstock {

void assertion_failed(const char* expression, const char* what, const char* file, int line) {
  std::fprintf(stderr, "penstock: bug: %s (%s) at %s:%d\n", what, expression, file, line);
  std::abort();
}

}  // namespace penstock
