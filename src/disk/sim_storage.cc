#include "disk/sim_storage.h"

#include <algorithm>
#include <cerrno>
#include <set>

namespace penstock {

namespace {

std::vector<std::string> components(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    if (end > 0 && path.substr(0, end) != ".") parts.emplace_back(path.substr(0, end));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return parts;
}

Unexpected refuse(int errno_value, std::string_view doing, std::string_view path) {
  return Unexpected(Error::from_errno(errno_value, fmt::format("{} {}", doing, path)));
}

SimNode::Pointer entry(const SimNode& directory, std::string_view name) {
  const auto found = directory.entries.find(name);
  return found == directory.entries.end() ? nullptr : found->second;
}

void set_entry(SimNode::Entries& entries, const std::string& name, const SimNode::Pointer& node) {
  if (node == nullptr) {
    entries.erase(name);
  } else {
    entries[name] = node;
  }
}

// What is reachable after a power cut, and nothing else, goes on. `remains` is a Random or a
// SimRemains.
template <typename Remains>
void restart(SimNode& node, Remains& remains) {
  if (!node.is_directory) {
    node.image.power_cut(remains);
    return;
  }
  node.entries = node.durable_entries;
  for (const auto& [name, child] : node.entries) restart(*child, remains);
}

// Calls `visit` with the path of each file below `directory`, in order, until it says that this is
// enough.
template <typename Visit>
bool visit_files(const SimNode& directory, const std::string& path, const Visit& visit) {
  for (const auto& [name, child] : directory.entries) {
    const std::string child_path = path + "/" + name;
    const bool is_enough =
        child->is_directory ? visit_files(*child, child_path, visit) : visit(child_path, *child);
    if (is_enough) return true;
  }
  return false;
}

}  // namespace

SimStorage::SimStorage(SimStorageOptions options) : space_(std::make_shared<SimSpace>()) {
  set_capacity(options.capacity_bytes);
  root_ = new_node(/*is_directory=*/true);
}

void SimStorage::set_capacity(std::uint64_t capacity_bytes) {
  space_->capacity_blocks = capacity_bytes / kBlockBytes;
}

void SimStorage::make_directories(std::string_view path) {
  SimNode::Pointer directory = root_;
  for (const std::string& name : components(path)) {
    SimNode::Pointer child = entry(*directory, name);
    if (child == nullptr) {
      child = new_node(/*is_directory=*/true);
      directory->entries[name] = child;
      directory->durable_entries[name] = child;
    }
    PENSTOCK_ASSERT(child->is_directory, "a file is where the test wants a directory");
    directory = child;
  }
}

std::vector<std::byte> SimStorage::contents(std::string_view path) const {
  const SimNode::Pointer node = find(path);
  PENSTOCK_ASSERT(node != nullptr && !node->is_directory, "no such file");
  std::vector<std::byte> bytes(node->image.size_bytes());
  node->image.read(FilePosition{0}, bytes);
  return bytes;
}

std::vector<std::string> SimStorage::files() const {
  std::vector<std::string> paths;
  visit_files(*root_, "", [&](const std::string& path, const SimNode& /*file*/) {
    paths.push_back(path);
    return false;
  });
  return paths;
}

std::string SimStorage::path_of(const SimNode& file) const {
  std::string found;
  visit_files(*root_, "", [&](const std::string& path, const SimNode& other) {
    if (&other == &file) found = path;
    return !found.empty();
  });
  return found;
}

void SimStorage::flip_bit(std::string_view path, FilePosition byte, unsigned bit) {
  const SimNode::Pointer node = find(path);
  PENSTOCK_ASSERT(node != nullptr && !node->is_directory, "no such file");
  node->image.flip_bit(byte, bit);
}

void SimStorage::power_cut(Random& random) {
  PENSTOCK_ASSERT(!attached_, "a machine is running on this storage: use SimDisk::power_cut()");
  for (const SimLateWrite& write : take_late_writes()) {
    write_partly(*write.file, write.to, write.data, write.sectors);
  }
  // Nothing and everything are drawn on purpose: they would be rare among independent draws.
  const std::uint64_t draw = random.below(4);
  settle_names(
      [&](const NameChange& /*change*/) { return draw == 0 || (draw != 1 && random.one_in(4)); });
  restart(*root_, random);
}

void SimStorage::power_cut(const SimRemains& remains) {
  PENSTOCK_ASSERT(!attached_ && late_writes_.empty(), "nothing is running on this storage any more");
  settle_names([&](const NameChange& change) { return !remains.keeps(change.at); });
  restart(*root_, remains);
}

// Each change that is not lost becomes durable, unless one that it builds on is lost.
template <typename IsLost>
void SimStorage::settle_names(const IsLost& is_lost) {
  std::set<const SimNode*> broken;  // directories that keep no later change
  for (const NameChange& change : name_changes_) {
    bool loses = is_lost(change);
    for (const SimNode* node : touched_by(change)) loses = loses || broken.contains(node);
    if (loses) {
      for (const SimNode* node : touched_by(change)) broken.insert(node);
    } else {
      make_durable(change);
    }
  }
  name_changes_.clear();
}

std::vector<SimUnsynced> SimStorage::unsynced() const {
  std::vector<SimUnsynced> changes;
  for (const NameChange& change : name_changes_) changes.push_back({.at = change.at});
  // Also of files that only a lost removal brings back.
  std::set<const SimNode*> seen;
  const auto list = [&](const auto& self, const SimNode& node) -> void {
    if (!seen.insert(&node).second) return;
    if (!node.is_directory) node.image.list_unsynced(changes);
    for (const auto& [name, child] : node.entries) self(self, *child);
    for (const auto& [name, child] : node.durable_entries) self(self, *child);
  };
  list(list, *root_);
  for (const NameChange& change : name_changes_) {
    for (const Edit& edit : change.edits) {
      if (edit.node != nullptr) list(list, *edit.node);
    }
  }
  std::ranges::sort(changes, {}, &SimUnsynced::at);
  return changes;
}

std::unique_ptr<SimStorage> SimStorage::clone() const {
  Copies copies;
  return clone(copies);
}

std::unique_ptr<SimStorage> SimStorage::clone(Copies& copies) const {
  auto other = std::make_unique<SimStorage>();
  other->space_->capacity_blocks = space_->capacity_blocks;
  other->sequence_ = sequence_;
  other->root_ = other->copy(root_, copies);
  for (const NameChange& change : name_changes_) {
    NameChange& copied = other->name_changes_.emplace_back(change);
    for (Edit& edit : copied.edits) {
      edit.directory = other->copy(edit.directory, copies);
      edit.node = other->copy(edit.node, copies);
    }
  }
  for (const SimLateWrite& write : late_writes_) {
    other->late_writes_.push_back(write);
    other->late_writes_.back().file = other->copy(write.file, copies);
  }
  return other;
}

SimNode::Pointer SimStorage::copy(const SimNode::Pointer& node, Copies& copies) const {
  if (node == nullptr) return nullptr;
  SimNode::Pointer& copied = copies[node.get()];
  if (copied != nullptr) return copied;
  copied = std::make_shared<SimNode>(*node, space_);
  const SimNode::Pointer result = copied;
  for (const auto& [name, child] : node->entries) result->entries[name] = copy(child, copies);
  for (const auto& [name, child] : node->durable_entries)
    result->durable_entries[name] = copy(child, copies);
  return result;
}

Result<SimNode::Pointer> SimStorage::open(const std::string& path, OpenOptions options) {
  SimNode::Pointer node = find(path);
  if (node != nullptr) {
    if (node->is_directory) return refuse(EISDIR, "open", path);
    if (options.create && options.exclusive) return refuse(EEXIST, "open", path);
    return node;
  }
  if (!options.create) return refuse(ENOENT, "open", path);
  Result<Place> place = place_of("open", path);
  if (!place) return Unexpected(place.error());
  node = new_node(/*is_directory=*/false);
  change({Edit{place->directory, place->name, node}});
  return node;
}

Result<void> SimStorage::rename(const std::string& from, const std::string& to) {
  Result<Place> source = place_of("rename", from);
  if (!source) return Unexpected(source.error());
  Result<Place> target = place_of("rename to", to);
  if (!target) return Unexpected(target.error());
  const SimNode::Pointer node = entry(*source->directory, source->name);
  if (node == nullptr) return refuse(ENOENT, "rename", from);
  const SimNode::Pointer replaced = entry(*target->directory, target->name);
  if (replaced == node) return {};
  if (replaced != nullptr) {
    if (node->is_directory && !replaced->is_directory) return refuse(ENOTDIR, "rename to", to);
    if (!node->is_directory && replaced->is_directory) return refuse(EISDIR, "rename to", to);
    if (!replaced->entries.empty()) return refuse(ENOTEMPTY, "rename to", to);
  }
  if (leads_through(to, *node)) return refuse(EINVAL, "rename a directory into itself:", to);
  change({Edit{source->directory, source->name, nullptr}, Edit{target->directory, target->name, node}});
  return {};
}

Result<void> SimStorage::remove(const std::string& path) {
  Result<Place> place = place_of("remove", path);
  if (!place) return Unexpected(place.error());
  const SimNode::Pointer node = entry(*place->directory, place->name);
  if (node == nullptr) return refuse(ENOENT, "remove", path);
  if (node->is_directory) return refuse(EISDIR, "remove", path);
  change({Edit{place->directory, place->name, nullptr}});
  return {};
}

Result<void> SimStorage::remove_directory(const std::string& path) {
  Result<Place> place = place_of("remove directory", path);
  if (!place) return Unexpected(place.error());
  const SimNode::Pointer node = entry(*place->directory, place->name);
  if (node == nullptr) return refuse(ENOENT, "remove directory", path);
  if (!node->is_directory) return refuse(ENOTDIR, "remove directory", path);
  if (!node->entries.empty()) return refuse(ENOTEMPTY, "remove directory", path);
  change({Edit{place->directory, place->name, nullptr}});
  return {};
}

Result<void> SimStorage::make_directory(const std::string& path) {
  if (find(path) != nullptr) return refuse(EEXIST, "make directory", path);
  Result<Place> place = place_of("make directory", path);
  if (!place) return Unexpected(place.error());
  change({Edit{place->directory, place->name, new_node(/*is_directory=*/true)}});
  return {};
}

Result<void> SimStorage::sync_directory(const std::string& path, Sequence covered) {
  const SimNode::Pointer directory = find(path);
  if (directory == nullptr) return refuse(ENOENT, "sync directory", path);
  if (!directory->is_directory) return refuse(ENOTDIR, "sync directory", path);
  // From the newest on: a change of two directories takes the other one's earlier changes with it.
  std::set<const SimNode*> synced = {directory.get()};
  std::vector<bool> becomes_durable(name_changes_.size());
  for (std::size_t i = name_changes_.size(); i-- > 0;) {
    const std::vector<const SimNode*> touched = touched_by(name_changes_[i]);
    if (name_changes_[i].at > covered) continue;
    if (std::ranges::none_of(touched, [&](const SimNode* node) { return synced.contains(node); }))
      continue;
    becomes_durable[i] = true;
    synced.insert(touched.begin(), touched.end());
  }
  std::vector<NameChange> left;
  for (std::size_t i = 0; i < name_changes_.size(); ++i) {
    if (becomes_durable[i]) {
      make_durable(name_changes_[i]);
    } else {
      left.push_back(std::move(name_changes_[i]));
    }
  }
  name_changes_ = std::move(left);
  return {};
}

Result<std::vector<std::string>> SimStorage::list(const std::string& path) const {
  const SimNode::Pointer directory = find(path);
  if (directory == nullptr) return refuse(ENOENT, "list", path);
  if (!directory->is_directory) return refuse(ENOTDIR, "list", path);
  std::vector<std::string> names;
  for (const auto& [name, node] : directory->entries) names.push_back(name);
  return names;
}

Result<FileInfo> SimStorage::info(const std::string& path) const {
  const SimNode::Pointer node = find(path);
  if (node == nullptr) return refuse(ENOENT, "info", path);
  return FileInfo{.size_bytes = node->image.size_bytes(), .is_directory = node->is_directory};
}

SpaceInfo SimStorage::space() const {
  return {.total_bytes = space_->capacity_blocks * kBlockBytes,
          .available_bytes = space_->available_blocks() * kBlockBytes};
}

bool SimStorage::write(SimNode& file, FilePosition to, ByteView data, Durability durability) {
  if (!make_room(file, to, data.size())) return false;
  file.image.write(++sequence_, to, data, durability);
  return true;
}

void SimStorage::write_partly(SimNode& file, FilePosition to, ByteView data,
                              const SimImage::SectorMask& mask) {
  if (!make_room(file, to, data.size())) return;
  file.image.write_partly(++sequence_, to, data, mask);
}

bool SimStorage::write_losing(SimNode& file, FilePosition to, ByteView data, Durability durability,
                              const SimImage::SectorMask& mask) {
  if (!make_room(file, to, data.size())) return false;
  file.image.write_losing(++sequence_, to, data, durability, mask);
  return true;
}

bool SimStorage::allocate(SimNode& file, std::uint64_t size_bytes) {
  if (!make_room(file, FilePosition{0}, size_bytes)) return false;
  file.image.allocate(FilePosition{0}, size_bytes);
  if (size_bytes > file.image.size_bytes()) file.image.resize(++sequence_, size_bytes);
  return true;
}

void SimStorage::truncate(SimNode& file, std::uint64_t size_bytes) {
  file.image.resize(++sequence_, size_bytes);
}

void SimStorage::attach() {
  PENSTOCK_ASSERT(!attached_, "a second machine on the same storage");
  attached_ = true;
}

void SimStorage::detach() { attached_ = false; }

SimNode::Pointer SimStorage::find(std::string_view path) const {
  SimNode::Pointer node = root_;
  for (const std::string& name : components(path)) {
    node = entry(*node, name);
    if (node == nullptr) return nullptr;
  }
  return node;
}

bool SimStorage::leads_through(std::string_view path, const SimNode& through) const {
  SimNode::Pointer node = root_;
  for (const std::string& name : components(path)) {
    node = entry(*node, name);
    if (node == nullptr) return false;
    if (node.get() == &through) return true;
  }
  return false;
}

Result<SimStorage::Place> SimStorage::place_of(std::string_view doing, std::string_view path) const {
  std::vector<std::string> parts = components(path);
  if (parts.empty()) return refuse(EBUSY, doing, path);  // the root has no place
  std::string name = std::move(parts.back());
  parts.pop_back();
  SimNode::Pointer directory = root_;
  for (const std::string& part : parts) {
    directory = entry(*directory, part);
    if (directory == nullptr) return refuse(ENOENT, doing, path);
    if (!directory->is_directory) return refuse(ENOTDIR, doing, path);
  }
  return Place{std::move(directory), std::move(name)};
}

SimNode::Pointer SimStorage::new_node(bool is_directory) const {
  return std::make_shared<SimNode>(space_, is_directory);
}

void SimStorage::change(std::vector<Edit> edits) {
  for (const Edit& edit : edits) set_entry(edit.directory->entries, edit.name, edit.node);
  name_changes_.push_back({.at = ++sequence_, .edits = std::move(edits)});
}

// Which directories a change must keep its order in. A directory that moves is one of them: else a
// power cut could keep a later change that depends on where it was.
std::vector<const SimNode*> SimStorage::touched_by(const NameChange& change) {
  std::vector<const SimNode*> nodes;
  for (const Edit& edit : change.edits) {
    nodes.push_back(edit.directory.get());
    const bool is_rename = change.edits.size() > 1;
    if (is_rename && edit.node != nullptr && edit.node->is_directory) nodes.push_back(edit.node.get());
  }
  return nodes;
}

void SimStorage::make_durable(const NameChange& change) {
  for (const Edit& edit : change.edits)
    set_entry(edit.directory->durable_entries, edit.name, edit.node);
}

bool SimStorage::make_room(const SimNode& file, FilePosition from, std::uint64_t length_bytes) {
  const std::uint64_t missing = file.image.missing_blocks(from, length_bytes);
  if (missing <= space_->available_blocks()) return true;
  for (const NameChange& change : name_changes_) make_durable(change);
  name_changes_.clear();
  return missing <= space_->available_blocks();
}

}  // namespace penstock
