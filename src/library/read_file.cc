#include "penstock/read_file.h"

#include <vector>

#include "library/engine_core.h"
#include "library/read_source.h"

namespace penstock {

namespace {

Task<Result<ReadSource>> open_source(EngineCore& core, std::string path, RequestedIoMode mode) {
  Result<ChosenDisk> chosen = co_await core.disks().for_reading(path, mode);
  if (!chosen) co_return Unexpected(chosen.error().context(fmt::format("open {}", path)));
  Result<file::ReadFile> file = co_await file::ReadFile::open(*chosen->disk, std::move(path));
  if (!file) co_return Unexpected(file.error());
  co_return ReadSource{std::move(*file), std::move(chosen->reason)};
}

Task<void> read_all(std::shared_ptr<ReadSource> source, std::span<ReadRequest> requests) {
  std::vector<file::ReadRequest> reads;
  reads.reserve(requests.size());
  for (const ReadRequest& request : requests) {
    reads.push_back({.from = FilePosition{request.from}, .into = request.into});
  }
  co_await source->file.read_many(reads);
  for (std::size_t i = 0; i < reads.size(); ++i) requests[i].result = std::move(reads[i].result);
}

Task<void> answer_one(EngineCore& core, std::shared_ptr<ReadSource> source, FilePosition from,
                      MutableBytes into, ReadFile::ReadCallback done) {
  Result<std::size_t> result = co_await source->file.read(from, into);
  core.answer(
      [done = std::move(done), result = std::move(result)]() mutable { done(std::move(result)); });
}

Task<void> answer_all(EngineCore& core, std::shared_ptr<ReadSource> source,
                      std::span<ReadRequest> requests, ReadFile::ReadManyCallback done) {
  co_await read_all(std::move(source), requests);
  core.answer(std::move(done));
}

}  // namespace

ReadFile::ReadFile(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ReadFile::ReadFile(ReadFile&&) noexcept = default;
ReadFile& ReadFile::operator=(ReadFile&&) noexcept = default;
ReadFile::~ReadFile() = default;

Result<ReadFile> ReadFile::open(Engine& engine, const std::string& path, ReadFileOptions options) {
  EngineCore& core = *engine.core_;
  Result<ReadSource> source = core.run(open_source(core, path, options.mode));
  if (!source) return Unexpected(source.error());
  return ReadFile(std::make_unique<Impl>(core, std::move(*source)));
}

Result<std::size_t> ReadFile::read(std::uint64_t from, std::span<std::byte> into) {
  return impl_->core().run(impl_->source()->file.read(FilePosition{from}, into));
}

void ReadFile::read_many(std::span<ReadRequest> requests) {
  impl_->core().run(read_all(impl_->source(), requests));
}

Result<void> ReadFile::submit_read(std::uint64_t from, std::span<std::byte> into, ReadCallback done) {
  EngineCore& core = impl_->core();
  Result<void> admitted = core.admit();
  if (!admitted) return admitted;
  core.start(answer_one(core, impl_->source(), FilePosition{from}, into, std::move(done)));
  return {};
}

Result<void> ReadFile::submit_read_many(std::span<ReadRequest> requests, ReadManyCallback done) {
  EngineCore& core = impl_->core();
  Result<void> admitted = core.admit();
  if (!admitted) return admitted;
  core.start(answer_all(core, impl_->source(), requests, std::move(done)));
  return {};
}

Result<std::uint64_t> ReadFile::size() { return impl_->core().run(impl_->source()->file.size()); }
IoMode ReadFile::mode() const { return impl_->source()->file.mode(); }
const std::string& ReadFile::mode_reason() const { return impl_->source()->mode_reason; }
const std::string& ReadFile::path() const { return impl_->source()->file.path(); }

}  // namespace penstock
