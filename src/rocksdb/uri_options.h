// What DirectFileSystemOptions may be; the URI is parsed by the public ParseFileSystemUri().
//
// Threading: pure functions.
#pragma once

#include "penstock/rocksdb.h"

namespace penstock::rocksdb {

// Errors: kInvalidArgument, with the name that the option has in a URI.
Result<void> check(const DirectFileSystemOptions& options);

}  // namespace penstock::rocksdb
