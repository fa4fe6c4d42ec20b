#include "library/misuse.h"

#include <cstdio>
#include <cstdlib>

namespace penstock {

void refuse_misuse(bool allowed, const char* what) {
  if (allowed) [[likely]]
    return;
  std::fprintf(stderr, "penstock: %s\n", what);
  std::abort();
}

}  // namespace penstock
