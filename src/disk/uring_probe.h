// What io_uring offers to this process: found out by asking for rings.
//
// Threading: any; the rings are gone when it returns.
#pragma once

#include "penstock/probe.h"

namespace penstock {

UringReport probe_io_uring();

}  // namespace penstock
