// Makes "penstock://" (a FileSystem) and "penstock-env://" (an Env on it) known to RocksDB when the
// library is loaded, by being linked or by LD_PRELOAD.
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/utilities/object_registry.h>

#include "penstock/rocksdb.h"

namespace penstock::rocksdb {

namespace {

using ::rocksdb::Env;
using ::rocksdb::FileSystem;
using ::rocksdb::ObjectLibrary;

constexpr const char* kFileSystemScheme = "penstock";
constexpr const char* kEnvScheme = "penstock-env";

std::shared_ptr<FileSystem> make(std::string_view uri, std::string* message) {
  Result<DirectFileSystemOptions> options = ParseFileSystemUri(uri);
  if (!options) {
    *message = options.error().message();
    return nullptr;
  }
  Result<std::shared_ptr<FileSystem>> made = NewDirectFileSystem(*options);
  if (made) return std::move(*made);
  *message = made.error().message();
  return nullptr;
}

// RocksDB takes file systems by unique_ptr, ours are shared.
class Shared final : public ::rocksdb::FileSystemWrapper {
 public:
  explicit Shared(const std::shared_ptr<FileSystem>& target) : FileSystemWrapper(target) {}
  const char* Name() const override { return target()->Name(); }
};

FileSystem* make_file_system(const std::string& uri, std::unique_ptr<FileSystem>* guard,
                             std::string* message) {
  const std::shared_ptr<FileSystem> made = make(uri, message);
  if (made == nullptr) return nullptr;
  *guard = std::make_unique<Shared>(made);
  return guard->get();
}

Env* make_env(const std::string& uri, std::unique_ptr<Env>* guard, std::string* message) {
  const std::string_view options = std::string_view(uri).substr(uri.find("://"));
  const std::shared_ptr<FileSystem> made =
      make(std::string(kFileSystemScheme).append(options), message);
  if (made == nullptr) return nullptr;
  *guard = ::rocksdb::NewCompositeEnv(made);
  return guard->get();
}

ObjectLibrary::PatternEntry pattern_of(const char* scheme) {
  return ObjectLibrary::PatternEntry(scheme, /*optional=*/false)
      .AddSeparator("://", /*at_least_one=*/false);
}

const bool kIsRegistered = [] {
  const std::shared_ptr<ObjectLibrary>& library = ObjectLibrary::Default();
  library->AddFactory<FileSystem>(pattern_of(kFileSystemScheme), make_file_system);
  library->AddFactory<Env>(pattern_of(kEnvScheme), make_env);
  return true;
}();

}  // namespace

}  // namespace penstock::rocksdb
