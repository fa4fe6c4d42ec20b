// From our errors to RocksDB's.
//
// What RocksDB does about an error depends on its code: on NoSpace of a table it stops writing, asks
// for free space until there is some, and resumes by itself; after one of a log, and after other I/O
// errors, it takes no writes until it is opened again.
//
// Threading: pure functions.
#pragma once

#include <rocksdb/io_status.h>

#include "base/error.h"

namespace penstock::rocksdb {

::rocksdb::IOStatus to_status(const Error& error);

template <typename T>
::rocksdb::IOStatus to_status(const Result<T>& result) {
  return result ? ::rocksdb::IOStatus::OK() : to_status(result.error());
}

// And back, of a call that was delegated.
Error to_error(const ::rocksdb::Status& status, std::string_view doing);

}  // namespace penstock::rocksdb
