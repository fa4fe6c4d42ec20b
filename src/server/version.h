// The version of this build, "0.1.0".
#pragma once

#include <string_view>

namespace penstock::server {

std::string_view version();

}  // namespace penstock::server
