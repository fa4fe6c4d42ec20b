// refuse_misuse: ends a program that breaks a rule of the library that only its author can mend.
//
// For what is no input and no failure of the system, such as a file that outlives its Engine: going on
// would be undefined, and an error value would come too late or to nobody.
#pragma once

namespace penstock {

// Prints `what` and aborts, unless `allowed`.
void refuse_misuse(bool allowed, const char* what);

}  // namespace penstock
