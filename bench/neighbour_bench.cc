// neighbour_bench: what appending and scanning does to somebody else's hot file in the page cache.
//
// In a memory cgroup of 2 GiB, a neighbour maps a file of 1 GiB and keeps touching random pages of it,
// while another process appends to a file of 20 GiB and scans it; once past the page cache, once
// through it. The neighbour counts how much of its file is resident and how long its touches take.
//
// Every role is a process of its own: this program, started again with --role.

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>

#include "bench/child_process.h"
#include "bench/latency.h"
#include "bench/raw_io.h"
#include "bench/report.h"
#include "benchmark/hot_file.h"
#include "benchmark/memory_cgroup.h"
#include "penstock/penstock.h"

namespace penstock::bench {
namespace {

constexpr std::uint64_t kCgroupBytes = 2 * kGiB;
constexpr std::uint64_t kHotBytes = kGiB;

template <typename T>
T must(Result<T> result) {
  if (!result) die(result.error().message());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// --- The one who appends and scans ---

// Prints two numbers: MB/s of appending, with a sync at the end, and of the scan.
int be_worker(const std::string& path, RequestedIoMode mode, std::uint64_t size_bytes) {
  Engine engine = must(Engine::create());
  const std::vector<std::byte> piece(kMiB, std::byte{0x5A});
  const auto speed = [&](const Stopwatch& stopwatch) {
    return static_cast<double>(size_bytes) / 1e6 /
           std::chrono::duration<double>(stopwatch.elapsed()).count();
  };
  const Stopwatch appending;
  AppendFile out = must(AppendFile::create(engine, path, {.mode = mode}));
  for (std::uint64_t at = 0; at < size_bytes; at += piece.size()) must(out.append(piece));
  must(out.seal());
  const double append_speed = speed(appending);
  const Stopwatch scanning;
  ReadFile in = must(ReadFile::open(engine, path, {.mode = mode}));
  ReadAhead scan(in);
  while (!must(scan.next()).empty()) {
  }
  fmt::print("{} {}\n", append_speed, speed(scanning));
  return 0;
}

// --- Putting them together ---

struct Outcome {
  double least_resident = 0;
  double last_resident = 0;
  double touch_p50_us = 0;
  double touch_p99_us = 0;
  double touch_p999_us = 0;
  double append_speed = 0;
  double scan_speed = 0;
};

Outcome measure(const std::string& directory, const benchmark::MemoryCgroup& group,
                RequestedIoMode mode, std::uint64_t size_bytes) {
  const std::string hot = directory + "/hot";
  const std::string own = directory + "/own";
  {
    RawFile file(hot, O_CREAT | O_RDWR | O_DIRECT);
    file.prewrite(kHotBytes);
  }
  const std::string mode_name(to_string(mode));
  Outcome outcome;
  ChildProcess neighbour(
      {"neighbour_bench", "--role", "neighbour", "--group", group.directory(), "--path", hot});
  if (neighbour.read_line() != "ready\n") die("the neighbour did not get ready");
  {
    ChildProcess worker({"neighbour_bench", "--role", "worker", "--group", group.directory(), "--path",
                         own, "--mode", mode_name, "--size", std::to_string(size_bytes)});
    if (std::sscanf(worker.read_line().c_str(), "%lf %lf", &outcome.append_speed,
                    &outcome.scan_speed) != 2)
      die("the worker said something else");
    worker.wait();
  }
  neighbour.stop();
  if (std::sscanf(neighbour.read_line().c_str(), "%lf %lf %lf %lf %lf", &outcome.least_resident,
                  &outcome.last_resident, &outcome.touch_p50_us, &outcome.touch_p99_us,
                  &outcome.touch_p999_us) != 5)
    die("the neighbour said something else");
  neighbour.wait();
  std::filesystem::remove(own);
  std::filesystem::remove(hot);
  return outcome;
}

int run(const Options& options) {
  const std::string directory = options.directory + fmt::format("/neighbour_bench.{}", ::getpid());
  std::filesystem::create_directories(directory);
  Report report("neighbour", options);
  const auto group =
      benchmark::MemoryCgroup::create(fmt::format("penstock-neighbour-{}", ::getpid()), kCgroupBytes);
  if (!group) die(group.error().message());
  const std::uint64_t size_bytes = options.quick ? 4 * kGiB : 20 * kGiB;
  for (const RequestedIoMode mode : {RequestedIoMode::kDirect, RequestedIoMode::kBuffered}) {
    const Outcome outcome = measure(directory, *group, mode, size_bytes);
    const bool is_direct = mode == RequestedIoMode::kDirect;
    report.add({.measure = fmt::format("neighbour's file resident, at least ({})", to_string(mode)),
                .measured = outcome.least_resident * 100,
                .unit = "%",
                .basis = fmt::format("{:.1f} % at the end", outcome.last_resident * 100),
                .at_most = {},
                .at_least = is_direct ? std::optional(99.0) : std::nullopt});
    report.note(fmt::format(
        "{}: append {:.0f} MB/s, scan {:.0f} MB/s; a touch of the hot file p50 {:.1f} us, p99 "
        "{:.1f} us, p99.9 {:.1f} us",
        to_string(mode), outcome.append_speed, outcome.scan_speed, outcome.touch_p50_us,
        outcome.touch_p99_us, outcome.touch_p999_us));
  }
  std::filesystem::remove_all(directory);
  return report.finish();
}

}  // namespace
}  // namespace penstock::bench

int main(int argc, char** argv) {
  using namespace penstock::bench;
  namespace benchmark = penstock::benchmark;
  const std::string role = argument_of(argc, argv, "--role");
  const std::string path = argument_of(argc, argv, "--path");
  if (!role.empty()) must(benchmark::MemoryCgroup::join(argument_of(argc, argv, "--group")));
  if (role == "neighbour") return benchmark::touch_hot_file(path, kHotBytes);
  if (role == "worker") {
    return be_worker(path, must(penstock::parse_io_mode(argument_of(argc, argv, "--mode"))),
                     std::stoull(argument_of(argc, argv, "--size")));
  }
  return run(
      parse_options(argc, argv, "A neighbour's hot file while somebody appends and scans 20 GiB."));
}
