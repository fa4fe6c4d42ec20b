// measure(): the real files and the real disk under measure_files().

#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "disk/disk_stack.h"
#include "disk/measurement.h"
#include "disk/nameless_file.h"
#include "disk/system_text.h"

namespace penstock {

namespace {

constexpr unsigned kMostSeconds = 60;
constexpr std::uint64_t kLeastBytes = 8 * kMiB;
// Of the available space, and of the limits on this process.
constexpr std::uint64_t kSpaceShare = 10;

Result<void> check_options(const MeasureOptions& options) {
  if (options.seconds < 1 || options.seconds > kMostSeconds) {
    return fail(ErrorCode::kInvalidArgument, "measure for {} seconds: give 1 to {}", options.seconds,
                kMostSeconds);
  }
  if (options.max_bytes < kLeastBytes) {
    return fail(ErrorCode::kInvalidArgument, "measure in {} bytes: give at least {}", options.max_bytes,
                kLeastBytes);
  }
  return {};
}

// How much space to use, for all files together.
Result<std::uint64_t> budget_of(const ProbeReport& report, const MeasureOptions& options) {
  const std::uint64_t available = report.file_system.available_bytes;
  if (available / kSpaceShare < kLeastBytes) {
    return fail(
        ErrorCode::kNoSpace,
        "measure in {}: {} MiB are available, and a tenth of it is too little; free up to {} MiB",
        report.directory, available / kMiB, kLeastBytes * kSpaceShare / kMiB);
  }
  // Writing past it would end the process by SIGXFSZ. The largest file takes half of the space.
  if (report.limits.file_size_bytes / 2 < kLeastBytes) {
    return fail(
        ErrorCode::kTooLarge,
        "measure in {}: files may have {} bytes at most (RLIMIT_FSIZE); raise that to {} or more, "
        "`ulimit -f`",
        report.directory, report.limits.file_size_bytes, 2 * kLeastBytes);
  }
  return std::min({options.max_bytes, available / kSpaceShare, report.limits.file_size_bytes});
}

// A file without a name, open through the disk.
struct MeasuredFile {
  Descriptor keeper;  // it would be gone without
  std::unique_ptr<File> file;
};

Result<MeasuredFile> open_measured(Scheduler& scheduler, Disk& disk, const std::string& directory) {
  Result<Descriptor> keeper = open_nameless_file(directory);
  if (!keeper) return Unexpected(keeper.error());
  const OpenOptions options{.write = true};
  Result<std::unique_ptr<File>> file = scheduler.run(disk.open(path_of_descriptor(*keeper), options));
  if (!file) return Unexpected(file.error());
  return MeasuredFile{std::move(*keeper), std::move(*file)};
}

std::uint64_t whole_pieces(std::uint64_t bytes) { return align_down(bytes, kSequentialBytes); }

// What the machine's processors have done since it began, in ticks.
struct ProcessorTime {
  std::uint64_t used = 0;
  std::uint64_t all = 0;
};

// All zero where the system does not say.
ProcessorTime processor_time() {
  // "cpu USER NICE SYSTEM IDLE IOWAIT IRQ SOFTIRQ STEAL ...": what follows is counted in USER and NICE
  // already.
  constexpr std::size_t kFields = 8;
  constexpr std::size_t kIdle = 3;
  constexpr std::size_t kIoWait = 4;
  const std::string text = first_line_of("/proc/stat");
  std::string_view line = text;
  line.remove_prefix(std::min(line.find_first_of("0123456789"), line.size()));
  ProcessorTime time;
  for (std::size_t field = 0; field < kFields && !line.empty(); ++field) {
    const std::string_view digits = line.substr(0, line.find(' '));
    line.remove_prefix(std::min(line.size(), digits.size() + 1));
    const std::uint64_t ticks = parse_number(digits).value_or(0);
    time.all += ticks;
    if (field != kIdle && field != kIoWait) time.used += ticks;
  }
  return time;
}

std::vector<std::string> notes_on(const ProbeReport& report, IoMode mode) {
  std::vector<std::string> notes;
  if (mode == IoMode::kBuffered) {
    notes.emplace_back(
        "in mode 'buffered' reads come from the page cache: they say nothing of the device");
  }
  if (report.device.loop_direct_io == false) {
    notes.emplace_back("the loop device reads and writes its file through the page cache");
  }
  return notes;
}

}  // namespace

Result<Measurement> measure(const ProbeReport& report, const MeasureOptions& options) {
  const Result<void> checked = check_options(options);
  if (!checked) return Unexpected(checked.error());
  const Result<ChosenMode> chosen = choose_io_mode(report, options.mode);
  if (!chosen) return Unexpected(chosen.error());
  const Result<std::uint64_t> budget = budget_of(report, options);
  if (!budget) return Unexpected(budget.error());

  // The order of these is that of their lives: files before disk before scheduler before stack.
  const DiskStackOptions stack_options{.mode = chosen->mode};
  Result<std::unique_ptr<DiskStack>> stack = DiskStack::create(stack_options);
  if (!stack) return Unexpected(stack.error());
  Result<ShardReactor> reactor = (*stack)->make_reactor();
  if (!reactor) return Unexpected(reactor.error());
  const SystemClock clock;
  Scheduler scheduler(clock, reactor->reactor());
  const std::unique_ptr<Disk> disk = (*stack)->make_disk(scheduler, *reactor);
  std::vector<MeasuredFile> files;
  for (int i = 0; i < 3; ++i) {
    Result<MeasuredFile> file = open_measured(scheduler, *disk, report.directory);
    if (!file) return Unexpected(file.error().context(fmt::format("measure in {}", report.directory)));
    files.push_back(std::move(*file));
  }

  const MeasuredFiles measured{.written = *files[0].file,
                               .allocated = *files[1].file,
                               .growing = *files[2].file,
                               .written_bytes = whole_pieces(*budget / 2),
                               .allocated_bytes = whole_pieces(*budget / 4),
                               .growing_bytes = whole_pieces(*budget / 4)};
  MeasurePlan plan{.time = std::chrono::seconds(options.seconds),
                   .many_reads = (*stack)->uses_uring(),
                   .progress = options.progress};
  const ProcessorTime before = processor_time();
  Result<Measurement> result = scheduler.run(measure_files(scheduler, measured, std::move(plan)));
  if (!result)
    return Unexpected(result.error().context(fmt::format("measure in {}", report.directory)));
  const ProcessorTime after = processor_time();
  if (after.all > before.all) {
    result->processor_use = std::clamp(
        static_cast<double>(after.used - before.used) / static_cast<double>(after.all - before.all),
        0.0, 1.0);
  }
  result->mode = chosen->mode;
  result->io_uring = (*stack)->uses_uring();
  result->file_bytes = measured.written_bytes + measured.allocated_bytes + measured.growing_bytes;
  for (std::string& note : notes_on(report, chosen->mode)) result->notes.push_back(std::move(note));
  if (!result->io_uring) {
    result->notes.push_back(fmt::format("without io_uring many reads at a time were not measured: {}",
                                        (*stack)->uring_reason()));
  }
  return result;
}

}  // namespace penstock
