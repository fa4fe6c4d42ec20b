// rocksdb_direct: a RocksDB database past the page cache.
//
//     rocksdb_direct DIRECTORY KEY          prints the value
//     rocksdb_direct DIRECTORY KEY VALUE    keeps it, on the device
//
// All that differs from any other RocksDB program is options.env.

#include <penstock/rocksdb.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>

#include <iostream>
#include <memory>
#include <string>

namespace {

int complain(const std::string& what) {
  std::cerr << "rocksdb_direct: " << what << "\n";
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) {
    std::cerr << "usage: rocksdb_direct DIRECTORY KEY          print the value\n"
                 "       rocksdb_direct DIRECTORY KEY VALUE    keep it\n";
    return 2;
  }
  const auto fs = penstock::rocksdb::NewDirectFileSystem();
  if (!fs) return complain(fs.error().message());
  const std::unique_ptr<rocksdb::Env> env = rocksdb::NewCompositeEnv(*fs);
  rocksdb::Options options;
  options.env = env.get();
  options.create_if_missing = true;
  rocksdb::DB* opened = nullptr;
  rocksdb::Status status = rocksdb::DB::Open(options, argv[1], &opened);
  if (!status.ok()) return complain(status.ToString());
  const std::unique_ptr<rocksdb::DB> database(opened);

  if (argc == 4) {
    rocksdb::WriteOptions durable;
    durable.sync = true;
    status = database->Put(durable, argv[2], argv[3]);
    return status.ok() ? 0 : complain(status.ToString());
  }
  std::string value;
  status = database->Get(rocksdb::ReadOptions(), argv[2], &value);
  if (!status.ok()) return complain(status.ToString());
  std::cout << value << "\n";
  return 0;
}
