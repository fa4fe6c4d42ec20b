// The page of a report: one HTML file that needs no other, with charts, from the JSON of a run.
//
// A report is page_before_data(), the JSON text, page_after_data(). In the JSON every "</" is to be
// written as
// "<\/", since it stands in a script element. Both texts are made from src/benchmark/page when Penstock
// is built (bundle.py).
//
// Ownership: the texts live as long as the program.
// Threading: any thread.
#pragma once

#include <string_view>

namespace penstock::benchmark {

std::string_view page_before_data();
std::string_view page_after_data();

}  // namespace penstock::benchmark
