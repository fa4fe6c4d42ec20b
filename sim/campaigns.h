// The campaigns, one per row of the fault table. registry() has them all.
#pragma once

#include "sim/campaign.h"

namespace penstock::sim {

Campaign& crashes();
Campaign& in_flight();
Campaign& torn_writes();
Campaign& lies();
Campaign& bit_rot();
Campaign& errors();
Campaign& full_disk();
Campaign& disturbed();
Campaign& delays();
Campaign& interleavings();
Campaign& lives();

}  // namespace penstock::sim
