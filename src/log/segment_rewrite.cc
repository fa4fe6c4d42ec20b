#include "log/segment_rewrite.h"

#include <utility>

#include "base/crc32c.h"

namespace penstock::log {

namespace {

constexpr std::string_view kTemporarySuffix = ".tmp";
constexpr std::uint64_t kWindowBytes = 128 * kKiB;

// A commit for each place of the index: behind damage, reading goes on at the next commit, so no more
// than this is lost with it.
constexpr std::uint64_t kCommitBytes = kIndexStrideBytes;

}  // namespace

SegmentRewrite::SegmentRewrite(Context context, SegmentRef source, Salt salt)
    : context_(std::move(context)),
      source_(std::move(source)),
      target_(std::make_shared<Segment>()),
      path_(source_->path() + std::string(kTemporarySuffix)),
      demand_(context_.zeros) {
  PENSTOCK_ASSERT(source_->sealed && source_->damaged.empty(), "whole and finished segments only");
  target_->header = source_->header;
  target_->header.salt = salt;
  target_->header.rewritten = true;
  target_->header.entry_places = EntryPlaces::kInCommits;
  // Each entry testifies for all the others, whatever the distance.
  target_->header.commit_reach_bytes = 0;
  target_->directory = source_->directory;
}

Task<Result<SegmentRef>> SegmentRewrite::run() {
  Result<void> done = co_await make_file();
  if (done) done = co_await copy();
  if (done) done = co_await target_->file->truncate(end_.value);
  if (done) done = co_await target_->file->sync(SyncScope::kAll);
  if (done) done = co_await read_back();
  if (!done) co_return Unexpected(done.error());
  target_->sealed = true;
  co_return target_;
}

Task<void> SegmentRewrite::discard() {
  target_->file.reset();
  (void)co_await context_.disk.remove(path_);
}

// Space is reserved first, so that a full disk is met before anything was read; it is no more than the
// source's, because the padding is what is left out.
Task<Result<void>> SegmentRewrite::make_file() {
  auto removed = co_await context_.disk.remove(path_);
  if (!removed && removed.error().code() != ErrorCode::kNotFound) co_return removed;
  OpenOptions options;
  options.write = true;
  options.create = true;
  options.exclusive = true;
  auto file = co_await context_.disk.open(path_, options);
  if (!file) co_return Unexpected(file.error());
  target_->file = std::move(*file);
  auto allocated = co_await target_->file->allocate(align_up(source_->data_end.value, kBlockBytes));
  if (!allocated) co_return allocated;
  co_return co_await write_segment_header(*target_->file, target_->header, Durability::kNone);
}

Task<Result<void>> SegmentRewrite::copy() {
  FileWindows windows(*context_.source_file, kWindowBytes);
  SegmentScanner scanner = source_->scanner(windows, kFirstCommit);
  auto commit = std::make_unique<Commit>(context_.scheduler);
  for (Offset expected = source_->base_offset; expected < source_->next_offset;) {
    auto entry = co_await read_expected(scanner, *source_, expected, expected);
    if (!entry) co_return Unexpected(entry.error());
    expected = entry->batch_header.next_offset();
    copied_digest_ = crc32c(entry->batch.view(), copied_digest_);
    commit->add(entry->batch.view(), entry->batch_header);
    if (auto spent = co_await context_.pace.spend(entry->header.entry_bytes()); !spent) co_return spent;
    if (source_->removed) co_return fail(ErrorCode::kNotFound, "{} was deleted", source_->path());
    if (commit->device_bytes() < kCommitBytes && expected < source_->next_offset) continue;
    if (auto written = co_await write(*commit); !written) co_return written;
    commit = std::make_unique<Commit>(context_.scheduler);
  }
  co_return Result<void>();
}

Task<Result<void>> SegmentRewrite::write(Commit& commit) {
  if (auto spent = co_await context_.pace.spend(commit.device_bytes()); !spent) co_return spent;
  if (auto gap = co_await context_.zeros.next_chunk(demand_, 0, 1); !gap) {
    co_return Unexpected(gap.error());
  }
  const FilePosition position{align_up(end_.value, kBlockBytes)};
  const SharedSlice& bytes =
      commit.lay_out(target_->header.salt, position, ++commit_count_, source_->next_offset);
  const Commit::PlacedBatch& last = commit.batches().back();
  end_ = position + last.entry_at + kEntryHeaderBytes + last.header.total_bytes;
  co_return co_await target_->file->write(position, bytes, Durability::kNone);
}

// What is known of the new segment comes from here: from the bytes that are there now.
Task<Result<void>> SegmentRewrite::read_back() {
  auto start = co_await read_segment_start(*target_->file);
  if (!start) co_return Unexpected(start.error());
  const SegmentHeader& header = start->header;
  const SegmentScanner::Range range{kFirstCommit, end_};
  FileWindows windows(*target_->file, kWindowBytes);
  SegmentScanner scanner(windows, header.salt, range);
  std::uint32_t digest = 0;
  target_->next_offset = source_->base_offset;
  while (target_->next_offset < source_->next_offset) {
    auto entry = co_await scanner.next();
    if (!entry) co_return Unexpected(entry.error());
    if (!*entry || (*entry)->batch_header.base_offset != target_->next_offset) break;
    digest = crc32c((*entry)->batch.view(), digest);
    target_->note((*entry)->batch_header, (*entry)->position, (*entry)->header.entry_bytes());
    if (auto spent = co_await context_.pace.spend((*entry)->header.entry_bytes()); !spent)
      co_return spent;
  }
  const bool is_same = header.salt == target_->header.salt && header.rewritten &&
                       target_->next_offset == source_->next_offset && target_->data_end == end_ &&
                       digest == copied_digest_;
  if (is_same) co_return Result<void>();
  co_return fail(
      ErrorCode::kIo,
      "what was written to {} is not what is read from it, near offset {}; {} stays as it is", path_,
      target_->next_offset, source_->path());
}

}  // namespace penstock::log
