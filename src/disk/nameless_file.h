// open_nameless_file: a file for trials and measurements that leaves nothing behind.
//
// Threading: any. Durability: none; the file goes with its last descriptor, however the process ends.
#pragma once

#include <string>

#include "base/error.h"
#include "disk/descriptor.h"

namespace penstock {

// An empty file in `directory`, open for reading and writing: by O_TMPFILE, or, where the file system
// has none, under a name that is removed before this returns. Errors say what to do: kPermission,
// kNoSpace, kNotFound, kIo.
Result<Descriptor> open_nameless_file(const std::string& directory);

// Where such a file can be opened again, with other flags.
std::string path_of_descriptor(const Descriptor& file);

}  // namespace penstock
