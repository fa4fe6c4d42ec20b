#include "server/version.h"

namespace penstock::server {

std::string_view version() { return PENSTOCK_VERSION; }

}  // namespace penstock::server
