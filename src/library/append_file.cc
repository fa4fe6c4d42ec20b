#include "penstock/append_file.h"

#include "base/units.h"
#include "file/append_file.h"
#include "library/append_line.h"
#include "library/engine_core.h"

namespace penstock {

namespace {

constexpr std::size_t kMaxLine = 65536;

// What file::AppendFile does not know of; it checks the rest.
Result<void> check(const AppendFileOptions& options) {
  if (options.line_max >= 1 && options.line_max <= kMaxLine) return {};
  return fail(ErrorCode::kInvalidArgument, "AppendFileOptions::line_max is {}; it must be 1 to {}",
              options.line_max, kMaxLine);
}

file::AppendOptions to_internal(const AppendFileOptions& options) {
  return {.buffer_bytes = options.buffer_bytes,
          .preparation = options.preparation,
          .preparation_step_bytes = options.preparation_step_bytes};
}

ByteView bytes_of(std::string_view text) { return as_bytes(text); }

}  // namespace

class AppendFile::Impl {
 public:
  Impl(EngineCore& core, file::AppendFile file, std::string mode_reason,
       const AppendFileOptions& options)
      : attachment_(core),
        line_(std::make_shared<AppendLine>(
            core, std::move(file), std::move(mode_reason),
            AppendLine::Limits{.line_max = options.line_max,
                               .gather_bytes_max = options.buffer_bytes})) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { attachment_.core().run(line_->close()); }

  EngineCore& core() const { return attachment_.core(); }
  AppendLine& line() const { return *line_; }
  const file::AppendFile& file() const { return line_->file(); }

 private:
  EngineCore::Attachment attachment_;
  std::shared_ptr<AppendLine> line_;
};

AppendFile::AppendFile(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AppendFile::AppendFile(AppendFile&&) noexcept = default;
AppendFile& AppendFile::operator=(AppendFile&&) noexcept = default;
AppendFile::~AppendFile() = default;

Result<AppendFile> AppendFile::create(Engine& engine, const std::string& path,
                                      AppendFileOptions options) {
  const Result<void> checked = check(options);
  if (!checked) return Unexpected(checked.error());
  EngineCore& core = *engine.core_;
  core.check_thread();
  Result<ChosenDisk> chosen = core.disks().for_writing(path, options.mode);
  if (!chosen) return Unexpected(chosen.error().context(fmt::format("create {}", path)));
  Result<file::AppendFile> file =
      core.run(file::AppendFile::create(core.scheduler(), *chosen->disk, path, to_internal(options)));
  if (!file) return Unexpected(file.error());
  return AppendFile(std::make_unique<Impl>(core, std::move(*file), std::move(chosen->reason), options));
}

Result<AppendFile> AppendFile::open_where(Engine& engine, const std::string& path,
                                          std::optional<std::uint64_t> end,
                                          const AppendFileOptions& options) {
  const Result<void> checked = check(options);
  if (!checked) return Unexpected(checked.error());
  EngineCore& core = *engine.core_;
  core.check_thread();
  Result<ChosenDisk> chosen = core.disks().for_writing(path, options.mode);
  if (!chosen) return Unexpected(chosen.error().context(fmt::format("open {}", path)));
  const file::AppendOpen open{.end = end, .options = to_internal(options)};
  Result<file::AppendFile> file =
      core.run(file::AppendFile::open(core.scheduler(), *chosen->disk, path, open));
  if (!file) return Unexpected(file.error());
  return AppendFile(std::make_unique<Impl>(core, std::move(*file), std::move(chosen->reason), options));
}

Result<AppendFile> AppendFile::open(Engine& engine, const std::string& path,
                                    AppendFileOptions options) {
  return open_where(engine, path, std::nullopt, options);
}

Result<AppendFile> AppendFile::open_at(Engine& engine, const std::string& path, std::uint64_t end,
                                       AppendFileOptions options) {
  return open_where(engine, path, end, options);
}

Result<std::uint64_t> AppendFile::append(std::span<const std::byte> bytes) {
  return impl_->core().run(impl_->line().append(bytes));
}
Result<std::uint64_t> AppendFile::append(std::string_view bytes) { return append(bytes_of(bytes)); }
Result<void> AppendFile::flush() { return impl_->core().run(impl_->line().flush()); }
Result<void> AppendFile::sync() { return impl_->core().run(impl_->line().sync()); }
Result<void> AppendFile::seal() { return impl_->core().run(impl_->line().seal()); }

Result<void> AppendFile::submit_append(std::span<const std::byte> bytes, AppendCallback done) {
  return impl_->line().submit_append(bytes, std::move(done));
}
Result<void> AppendFile::submit_append(std::string_view bytes, AppendCallback done) {
  return submit_append(bytes_of(bytes), std::move(done));
}
Result<void> AppendFile::submit_flush(Callback done) {
  return impl_->line().submit_flush(std::move(done));
}
Result<void> AppendFile::submit_sync(Callback done) {
  return impl_->line().submit_sync(std::move(done));
}

std::uint64_t AppendFile::size_bytes() const { return impl_->file().size_bytes(); }
std::uint64_t AppendFile::durable_bytes() const { return impl_->file().durable_bytes(); }
IoMode AppendFile::mode() const { return impl_->file().mode(); }
const std::string& AppendFile::mode_reason() const { return impl_->line().mode_reason(); }
const std::string& AppendFile::path() const { return impl_->file().path(); }
std::optional<Error> AppendFile::failure() const { return impl_->file().fence(); }

AppendFile::Unwritten AppendFile::unwritten() const {
  const file::AppendFile::Unwritten internal = impl_->file().unwritten();
  Unwritten copy{.position = internal.at.value, .bytes = {}};
  for (const SharedSlice& slice : internal.bytes) {
    copy.bytes.insert(copy.bytes.end(), slice.view().begin(), slice.view().end());
  }
  return copy;
}

}  // namespace penstock
