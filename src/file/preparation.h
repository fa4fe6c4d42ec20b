// Preparation: how much of the file system's work on a growing file is done ahead of the appends.
#pragma once

#include "penstock/preparation.h"

namespace penstock::file {

using penstock::Preparation;

}  // namespace penstock::file
