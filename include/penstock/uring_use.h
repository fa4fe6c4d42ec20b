// UringUse: whether io_uring is used.
//
// Threading: a plain value.
#pragma once

namespace penstock {

enum class UringUse {
  kAuto,  // when the kernel grants it; else worker threads
  kOn,    // or fail
  kOff,   // worker threads
};

}  // namespace penstock
