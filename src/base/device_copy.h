// copy_for_device: memcpy for bytes that a device, and not this processor, reads next.
//
// Large copies pass the processor's caches. What a device has just read lies in the caches of whoever
// served it (of the host, in a virtual machine), and to take a megabyte back line by line has been
// measured at 400 us, against 40 us for stores that never look. Small copies are plain ones: what was
// written a moment ago is likely to be touched again.
#pragma once

#include "base/bytes.h"

namespace penstock {

// Copies all of `from` to the beginning of `to`, which must be as large (asserted) and must not overlap
// it.
void copy_for_device(MutableBytes to, ByteView from);

}  // namespace penstock
