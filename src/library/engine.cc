#include "penstock/engine.h"

#include <filesystem>

#include "library/engine_core.h"

namespace penstock {

namespace {

std::string directory_of(const std::string& path) {
  const std::string directory = std::filesystem::path(path).parent_path().string();
  return directory.empty() ? "." : directory;
}

// Names are the same in every mode.
Disk& names(EngineCore& core) { return core.disks().disk(IoMode::kBuffered); }

Task<Result<void>> rename_durably(Disk& disk, std::string from, std::string to) {
  const Result<void> renamed = co_await disk.rename(from, to);
  if (!renamed) co_return Unexpected(renamed.error());
  const std::string old_directory = directory_of(from);
  const std::string new_directory = directory_of(to);
  Result<void> synced = co_await disk.sync_directory(new_directory);
  if (synced && old_directory != new_directory) synced = co_await disk.sync_directory(old_directory);
  co_return synced;
}

Task<Result<void>> remove_durably(Disk& disk, std::string path) {
  const Result<void> removed = co_await disk.remove(path);
  if (!removed) co_return Unexpected(removed.error());
  co_return co_await disk.sync_directory(directory_of(path));
}

}  // namespace

Result<Engine> Engine::create(EngineOptions options) {
  Result<std::unique_ptr<EngineCore>> core = EngineCore::create(options);
  if (!core) return Unexpected(core.error());
  return Engine(std::move(*core));
}

Engine::Engine(std::unique_ptr<EngineCore> core) : core_(std::move(core)) {}
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;
Engine::~Engine() = default;

bool Engine::uses_io_uring() const { return core_->uses_uring(); }
const std::string& Engine::io_uring_reason() const { return core_->uring_reason(); }
std::size_t Engine::poll() { return core_->poll(); }
std::size_t Engine::wait(std::chrono::nanoseconds timeout) { return core_->wait(timeout); }
Result<int> Engine::poll_fd() { return core_->poll_fd(); }
std::size_t Engine::pending() const { return core_->pending_count(); }

Result<void> Engine::rename(const std::string& from, const std::string& to) {
  return core_->run(rename_durably(names(*core_), from, to));
}

Result<void> Engine::remove(const std::string& path) {
  return core_->run(remove_durably(names(*core_), path));
}

}  // namespace penstock
