// OpenFiles: which files of this process are open for writing, by path.
//
// A file that is open for writing is longer or shorter on the device than it is to RocksDB, so whoever
// asks for its size, reads it, links it or renames it has to be led to its writer.
//
// Ownership: shares the writers until they are removed. Threading: any thread. As many entries as there
// are open files.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "rocksdb/file_writer.h"

namespace penstock::rocksdb {

class OpenFiles {
 public:
  // Paths are normal (normal_path()). A file that was there before under that path goes on without a
  // name.
  void add(const std::string& path, std::shared_ptr<FileWriter> writer);
  // It was closed; under whatever name it has now.
  void remove(const FileWriter& writer);

  // Null when nobody writes it.
  std::shared_ptr<FileWriter> find(const std::string& path) const;
  // Of the write-ahead logs in `directory`.
  std::vector<std::shared_ptr<FileWriter>> logs_in(const std::string& directory) const;

  // The name is gone.
  void forget(const std::string& path);
  // A file, or a directory with all that is open in it, has another name.
  void rename(const std::string& from, const std::string& to);

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<FileWriter>> writers_;
};

}  // namespace penstock::rocksdb
