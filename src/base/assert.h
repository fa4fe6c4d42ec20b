// PENSTOCK_ASSERT: invariants of our own, checked in every build.
//
// A failed assertion is a bug in Penstock, never bad input and never a failed device: it prints what is
// wrong and where, and aborts, because going on could write wrong bytes.
#pragma once

namespace penstock {

[[noreturn]] void assertion_failed(const char* expression, const char* what, const char* file,
                                   int line);

}  // namespace penstock

#define PENSTOCK_ASSERT(expression, what)                                    \
  do {                                                                       \
    if (!(expression)) [[unlikely]]                                          \
      ::penstock::assertion_failed(#expression, (what), __FILE__, __LINE__); \
  } while (false)
