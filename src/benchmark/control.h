// RunControl: how a long measurement is watched and ended by whoever started it.
//
// Threading: both are called on the measuring thread, many times a second.
#pragma once

#include <functional>
#include <string_view>

namespace penstock::benchmark {

struct RunControl {
  // True: end soon, and give what there is.
  std::function<bool()> is_stopped = [] { return false; };
  // What is being done, which share of everything is done (0 to 1), and how long the rest takes.
  std::function<void(std::string_view what, double share, double seconds_left)> progress =
      [](std::string_view, double, double) {};
};

}  // namespace penstock::benchmark
