#include "rocksdb/open_files.h"

#include "rocksdb/database_names.h"

namespace penstock::rocksdb {

void OpenFiles::add(const std::string& path, std::shared_ptr<FileWriter> writer) {
  const std::lock_guard lock(mutex_);
  writers_[path] = std::move(writer);
}

void OpenFiles::remove(const FileWriter& writer) {
  const std::lock_guard lock(mutex_);
  std::erase_if(writers_, [&](const auto& entry) { return entry.second.get() == &writer; });
}

std::shared_ptr<FileWriter> OpenFiles::find(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  const auto found = writers_.find(path);
  return found == writers_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<FileWriter>> OpenFiles::logs_in(const std::string& directory) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<FileWriter>> found;
  for (const auto& [path, writer] : writers_) {
    if (number_of(path) && directory_of(path) == directory) found.push_back(writer);
  }
  return found;
}

void OpenFiles::forget(const std::string& path) {
  const std::lock_guard lock(mutex_);
  writers_.erase(path);
}

void OpenFiles::rename(const std::string& from, const std::string& to) {
  const std::lock_guard lock(mutex_);
  writers_.erase(to);
  std::map<std::string, std::shared_ptr<FileWriter>> renamed;
  for (auto it = writers_.begin(); it != writers_.end();) {
    const std::string& path = it->first;
    const bool is_inside = path.starts_with(from + "/");
    if (path != from && !is_inside) {
      ++it;
      continue;
    }
    const std::string new_path = to + path.substr(from.size());
    it->second->renamed(new_path);
    renamed.emplace(new_path, it->second);
    it = writers_.erase(it);
  }
  writers_.merge(renamed);
}

}  // namespace penstock::rocksdb
