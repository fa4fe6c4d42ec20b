// Preparation: how an AppendFile makes room ahead of its end.
//
// Threading: a plain value.
#pragma once

namespace penstock {

// A file that grows with each write costs the file system a commit of its own for every durable one.
// Space that is prepared some megabytes at a time costs that once per step.
enum class Preparation {
  kNone,       // the file grows with each write: for bulk output that is synced once, at the end
  kAllocated,  // reserved: sync() cannot run out of space half-way
  kWritten,  // and filled with zeros: sync() is an overwrite, at device speed. Writes everything twice
};

}  // namespace penstock
