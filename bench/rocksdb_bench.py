#!/usr/bin/python3
"""db_bench, unchanged, on RocksDB's own file system (buffered and direct) and on penstock://, in turns; medians of the
rounds, and the ratio to the better of the two stock modes.

    rocksdb_bench.py [--dir DIR] [--quick] [--only SUBSTRING ...] [--rounds 5] [--json FILE] [--check]

Takes root (a memory cgroup), a real file system with 8 GB free in DIR, and about 35 minutes; --quick takes a few
minutes with a smaller database, less memory and one round, and its numbers are rough.

Memory: each db_bench runs in a cgroup of its own with the same limit, page cache counted. Buffered has db_bench's
default block cache (8 MiB) and may use all the rest as page cache. What the page cache would use is given to the block
cache in the two direct modes, stock direct and penstock:// alike: 3/4 of the limit where db_bench only reads, 2/5 where
two memtables (4/25 of the limit each, in all modes) and compactions, with what they read ahead, need room too.

The database is four times the limit. It is filled once per start of this program, by the stock direct mode and outside
the limit: every key once, in random order, and a full compaction. A second one is that one compacted into large files.
Each reading run of each mode and round begins with a copy of it (tables are hard links: RocksDB never writes to one
again), with none of its files in the page cache, and has to find every key that it asks for. In a round all modes have
the same seed; who comes first changes with the round.

Where a hypervisor stops both processors of a machine that are busy, its pauses are the p99.9 of every mode; db_bench on
one of them (taskset -c 1 rocksdb_bench.py ...) shows the file systems'. What glibc's malloc does with a block cache
that grows depends on the sizes that are allocated beside it; --allocator takes another one.

The p99 and p99.9 are db_bench's; those of MultiGet are of batches. The page cache is what the files in the database's
directory hold of it after db_bench has ended, the info log (LOG) included, in the worst round; side files (*.penstock)
apart, at their largest while it ran.
"""

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import machine

REPOSITORY = Path(__file__).resolve().parents[1]
MIB = 1 << 20
TIMEOUT_S = 900
SAMPLE_S = 0.5

KEY_BYTES, VALUE_BYTES = 16, 400
DATABASE_PER_MEMORY = 4
READING_CACHE_SHARE, WRITING_CACHE_SHARE = 3 / 4, 2 / 5
MEMTABLE_SHARE = 4 / 25
LARGE_FILES = f"--target_file_size_base={512 * MIB}"
SIDE_FILE_SUFFIX = ".penstock"
SIDE_FILES_MAX_BYTES = 2 * MIB

BUFFERED, DIRECT, PENSTOCK = "buffered", "direct", "penstock://"
STOCK = (BUFFERED, DIRECT)
DIRECT_FLAGS = ["--use_direct_reads=true", "--use_direct_io_for_flush_and_compaction=true"]


@dataclass(frozen=True)
class Sizes:
    rounds: int
    memory_mib: int
    synced: int  # puts of one thread; eight do half as many each
    puts: int
    reads: int  # of one thread; four do half as many each
    seeks: int
    seconds: int  # of reading beside a writer

    @property
    def memory_bytes(self):
        return self.memory_mib * MIB

    @property
    def keys(self):
        return DATABASE_PER_MEMORY * self.memory_bytes // (KEY_BYTES + VALUE_BYTES)


FULL = Sizes(rounds=5, memory_mib=400, synced=40_000, puts=2_000_000, reads=200_000, seeks=10_000, seconds=25)
QUICK = Sizes(rounds=1, memory_mib=256, synced=10_000, puts=500_000, reads=80_000, seeks=2_000, seconds=8)


@dataclass(frozen=True)
class Mode:
    name: str
    flags: list
    has_page_cache: bool = False
    preload: Path = None


@dataclass(frozen=True)
class Reach:
    """What a ratio of penstock:// to the better stock mode is to be: at least, of ops/s; at most, of a latency."""

    column: str
    limit: float

    def is_met(self, ratio):
        return ratio >= self.limit if self.column == "ops/s" else ratio <= self.limit

    def __str__(self):
        return f"{'>=' if self.column == 'ops/s' else '<='} {self.limit:g} x"


@dataclass(frozen=True)
class Run:
    """One line of the table. The last of `benchmarks` is the one that is measured."""

    name: str
    benchmarks: str
    flags: list
    reaches: list
    database: str = None  # the one that it begins with a copy of
    cache_share: float = WRITING_CACHE_SHARE

    @property
    def decides(self):
        """The column in which the better stock mode is the better one."""
        return self.reaches[0].column


@dataclass
class Outcome:
    """What one db_bench did and left."""

    numbers: dict  # by column
    log_bytes: int  # in the page cache at the end, of the info log
    data_bytes: int  # of everything else but side files
    side_bytes: int

    @property
    def page_cache_bytes(self):
        return self.log_bytes + self.data_bytes


def runs(sizes):
    def reads(threads=1, total=sizes.reads):
        return [f"--threads={threads}", f"--reads={total // threads}"]

    # db_bench gives fillsync a thousandth of --num as keys, and each thread all of --writes.
    def synced(puts, threads):
        return ["--sync=1", f"--writes={puts}", f"--threads={threads}"]

    def cold(name, benchmark, flags, faster, database="filled"):
        return Run(name, benchmark, flags, [Reach("ops/s", faster)], database, READING_CACHE_SHARE)

    multiget = ["--batch_size=32", "--multiread_batched=true", *reads()]
    # Debian's RocksDB is built without liburing: its own file system refuses ReadAsync, and RocksDB then reads
    # ahead synchronously, half as far. The scans are whole in all modes.
    seeks = ["--seek_nexts=100", "--async_io=true", *reads(total=sizes.seeks)]
    beside_writer = ["--threads=4", f"--duration={sizes.seconds}", f"--benchmark_write_rate_limit={10_000_000}"]

    return [
        Run("fillsync, 1 thread", "fillsync", synced(sizes.synced, 1), [Reach("ops/s", 1.4), Reach("p99.9", 0.7)]),
        Run("fillsync, 8 threads", "fillsync", synced(sizes.synced // 2, 8),
            [Reach("ops/s", 1.4), Reach("p99.9", 0.5)]),
        Run("fillrandom, WAL unsynced", "fillrandom", [f"--writes={sizes.puts}"], [Reach("ops/s", 1.1)]),
        cold("readrandom, 4 threads", "readrandom", reads(4, 2 * sizes.reads), 1.05),
        # RocksDB asks for one table's blocks at a time: of 32 keys, hardly more than one is in each 64 MiB file.
        cold("MultiGet of 32", "multireadrandom", multiget, 2),
        cold("MultiGet of 32, files of 512 MiB", "multireadrandom", [*multiget, LARGE_FILES], 2, "large"),
        cold("seekrandom, 100 nexts, async_io", "seekrandom", seeks, 1.5),
        Run("readwhilewriting, 4 threads, 10 MB/s", "readwhilewriting", beside_writer,
            [Reach("ops/s", 1.1), Reach("p99.9", 0.6)], "filled"),
        cold("readseq cold", "readseq", [], 1.0),
        # One thread: each of more would compact everything once.
        Run("100,000 reads after a full compaction", "compact,readrandom", reads(1, 100_000), [Reach("p99", 0.7)],
            "filled"),
    ]


def tell(text, end="\n"):
    print(text, file=sys.stderr, end=end, flush=True)


def files_of(directory):
    return [path for path in directory.iterdir() if path.is_file() and path.stat().st_size > 0]


def side_file_bytes(database):
    return sum(machine.page_cache_bytes(database.glob("*" + SIDE_FILE_SUFFIX)).values())


def parse(output, benchmark):
    """Ops/s, p99 and p99.9 of `benchmark`, which is the last one in db_bench's output."""
    speed = re.search(rf"^{benchmark}\s*:.*?(\d+) ops/sec", output, re.MULTILINE)
    tail = speed and re.search(r"P99: ([\d.]+) P99\.9: ([\d.]+)", output[speed.end():])
    if not tail:
        raise SystemExit(f"db_bench did not report {benchmark}:\n{output[-4000:]}")
    found = re.search(r"\((\d+) of (\d+) found\)", output[speed.start():])
    if found and found.group(1) != found.group(2):
        raise SystemExit(f"{benchmark} found {found.group(1)} keys of {found.group(2)}, and each was written")
    return {"ops/s": int(speed.group(1)), "p99": float(tail.group(1)), "p99.9": float(tail.group(2))}


class DbBench:
    """Runs db_bench in `directory`, each with its own cgroup."""

    def __init__(self, directory, sizes, allocator):
        self.directory, self.sizes, self.started, self.mode_line = directory, sizes, 0, ""
        self.allocator = allocator
        self.database = directory / "database"

    def command(self, mode, benchmarks, flags, seed):
        preload = ":".join(str(library) for library in (mode.preload, self.allocator) if library)
        environment = [f"LD_PRELOAD={preload}"] if preload else []
        return ["setpriv", "--pdeathsig", "KILL", "--", "env", *environment, "db_bench", f"--db={self.database}",
                f"--benchmarks={benchmarks}", f"--num={self.sizes.keys}", f"--key_size={KEY_BYTES}",
                f"--value_size={VALUE_BYTES}", "--compression_type=none",
                f"--write_buffer_size={int(MEMTABLE_SHARE * self.sizes.memory_bytes)}", "--histogram=1",
                "--progress_reports=false", f"--seed={seed}", *mode.flags, *flags]

    def run(self, command, on_start=None, on_sample=lambda: None):
        """What db_bench printed on standard output."""
        outputs = [self.directory / "stdout", self.directory / "stderr"]
        with (open(outputs[0], "wb") as stdout, open(outputs[1], "wb") as stderr,
              subprocess.Popen(command, stdout=stdout, stderr=stderr, preexec_fn=on_start) as process):
            try:
                wait_for(process, on_sample)
            finally:
                process.kill()
        stdout, stderr = (path.read_text(errors="replace") for path in outputs)
        if process.returncode != 0:
            hint = " (the cgroup's memory?)" if process.returncode == -signal.SIGKILL else ""
            raise SystemExit(f"\n{' '.join(command)}\nended with {process.returncode}{hint}:\n{stdout[-4000:]}\n"
                             f"{stderr[-4000:]}")
        return stdout

    def fill(self, mode):
        tell(f"filling with {self.sizes.keys:,} keys, by stock {mode.name} ...")
        self.run(self.command(mode, "filluniquerandom,compact,waitforcompaction", ["--disable_wal=1"], seed=1))
        self.database.rename(self.directory / "filled")

    def make_large(self, mode):
        tell("compacting a copy into large files ...")
        self.copy("filled")
        flags = ["--use_existing_db=1", LARGE_FILES]
        self.run(self.command(mode, "compact,waitforcompaction", flags, seed=1))
        self.database.rename(self.directory / "large")

    def copy(self, name):
        self.database.mkdir()
        for source in (self.directory / name).iterdir():
            if source.suffix == ".sst":
                os.link(source, self.database / source.name)
            elif not source.name.startswith("LOG"):
                shutil.copyfile(source, self.database / source.name)

    def prepare(self, run):
        shutil.rmtree(self.database, ignore_errors=True)
        if run.database:
            self.copy(run.database)
        os.sync()
        if run.database:
            machine.drop_page_cache(files_of(self.database))

    def flags(self, mode, run):
        cache = [] if mode.has_page_cache else [f"--cache_size={int(run.cache_share * self.sizes.memory_bytes)}"]
        return [*cache, *(["--use_existing_db=1"] if run.database else []), *run.flags]

    def measure(self, mode, run, seed):
        self.prepare(run)
        self.started += 1
        side_bytes = []

        def sample():
            side_bytes.append(side_file_bytes(self.database))

        command = self.command(mode, run.benchmarks, self.flags(mode, run), seed)
        with machine.MemoryCgroup(f"penstock-rocksdb-{os.getpid()}-{self.started}", self.sizes.memory_bytes) as cgroup:
            printed = self.run(command, cgroup.enter, sample)
        sample()
        outcome = self.outcome(parse(printed, run.benchmarks.split(",")[-1]), max(side_bytes))
        if mode.preload:  # after the outcome, since this reads the LOG through the page cache
            self.mode_line = self.line_of_mode()
        return outcome

    def outcome(self, numbers, side_bytes):
        files = [path for path in files_of(self.database) if path.suffix != SIDE_FILE_SUFFIX]
        resident = machine.page_cache_bytes(files)
        log_bytes = sum(size for path, size in resident.items() if path.name.startswith("LOG"))
        return Outcome(numbers, log_bytes, sum(resident.values()) - log_bytes, side_bytes)

    def line_of_mode(self):
        """What Penstock says in the database's info log: proof that it was there."""
        found = re.search(r"penstock: .*", (self.database / "LOG").read_text(errors="replace"))
        if not found:
            raise SystemExit("the database's LOG has no line of penstock: db_bench ran without it")
        return found.group()


def wait_for(process, on_sample):
    deadline = time.monotonic() + TIMEOUT_S
    while process.poll() is None:
        if time.monotonic() > deadline:
            raise SystemExit(f"db_bench has not ended within {TIMEOUT_S} s")
        try:
            process.wait(SAMPLE_S)
        except subprocess.TimeoutExpired:
            on_sample()


@dataclass
class Line:
    """A run's outcomes of all rounds, by mode."""

    run: Run
    outcomes: dict = field(default_factory=dict)

    def median(self, mode, column):
        return statistics.median(outcome.numbers[column] for outcome in self.outcomes[mode])

    def better_stock(self):
        column = self.run.decides
        best = max if column == "ops/s" else min
        return best(STOCK, key=lambda mode: self.median(mode, column))

    def ratio(self, column):
        return self.median(PENSTOCK, column) / max(self.median(self.better_stock(), column), 1e-3)

    def ratios_of_rounds(self, column):
        pairs = zip(self.outcomes[PENSTOCK], self.outcomes[self.better_stock()])
        return [ours.numbers[column] / max(theirs.numbers[column], 1e-3) for ours, theirs in pairs]

    def largest(self, mode, what):
        return max(getattr(outcome, what) for outcome in self.outcomes[mode])

    def is_met(self):
        return all(reach.is_met(self.ratio(reach.column)) for reach in self.run.reaches)

    def leaves_nothing(self):
        return (self.largest(PENSTOCK, "page_cache_bytes") == 0 and
                self.largest(PENSTOCK, "side_bytes") <= SIDE_FILES_MAX_BYTES)


def measure_all(db_bench, modes, chosen, rounds, on_line):
    """Measures line by line; returns the raw device's synced writes per second, one of each round with fillsync."""
    raw = []
    for run in chosen:
        line = Line(run, {mode.name: [] for mode in modes})
        for number in range(rounds):
            if "--sync=1" in run.flags:
                raw.append(machine.raw_synced_writes_per_s(db_bench.directory))
            turn = number % len(modes)
            for mode in modes[turn:] + modes[:turn]:
                tell(f"{run.name}: round {number + 1} of {rounds}, {mode.name}: ", end="")
                # Threads take the seeds that follow.
                outcome = db_bench.measure(mode, run, seed=1 + 1000 * number)
                line.outcomes[mode.name].append(outcome)
                tell(f"{outcome.numbers['ops/s']:,} ops/s, p99.9 {outcome.numbers['p99.9']:,.0f} us")
        on_line(line)
    return raw


def verdict(is_met):
    return "ok" if is_met else "missed"


def mib(size_bytes):
    return f"{size_bytes / MIB:.1f}"


HEADER = ("| run | buffered: ops/s; p99; p99.9 us | direct | penstock:// | ops/s | p99 | p99.9 | reach | |"
          " page cache at the end, MiB: buffered | direct | penstock:// |\n" + "|---" * 12 + "|")


def table_line(line):
    numbers = ["; ".join(f"{line.median(mode, column):,.0f}" for column in ("ops/s", "p99", "p99.9"))
               for mode in (*STOCK, PENSTOCK)]
    ratios = [f"{line.ratio(column):.2f} x ({min(of_rounds):.2f} to {max(of_rounds):.2f})"
              for column in ("ops/s", "p99", "p99.9") for of_rounds in [line.ratios_of_rounds(column)]]
    reach = ", ".join(f"{reach.column} {reach}" for reach in line.run.reaches)
    pages = [mib(line.largest(mode, "page_cache_bytes")) for mode in STOCK]
    ours = (f"{mib(line.largest(PENSTOCK, 'page_cache_bytes'))} (LOG {mib(line.largest(PENSTOCK, 'log_bytes'))});"
            f" side files {mib(line.largest(PENSTOCK, 'side_bytes'))}")
    cells = [line.run.name, *numbers, *ratios, reach, verdict(line.is_met()), *pages, ours]
    return f"| {' | '.join(cells)} |"


def page_cache_note(lines):
    worst, without_log, side = (max(line.largest(PENSTOCK, what) for line in lines)
                                for what in ("page_cache_bytes", "data_bytes", "side_bytes"))
    return (f"page cache of penstock://'s database directory at the end of a run, at most: {worst:,} bytes, "
            f"{without_log:,} without the info log; side files {side:,} bytes; reach 0, side files "
            f"<= {SIDE_FILES_MAX_BYTES:,}: {verdict(all(line.leaves_nothing() for line in lines))}")


def raw_note(raw, lines):
    median = statistics.median(raw)
    ours = [line.median(PENSTOCK, "ops/s") for line in lines if line.run.name == "fillsync, 1 thread"]
    return (f"raw device: O_DIRECT|O_DSYNC over written 4 KiB blocks, one at a time: {median:,.0f} writes/s"
            + "".join(f"; fillsync, 1 thread, on penstock://: {ops / median:.2f} x of it" for ops in ours))


def json_rows(line):
    better = line.better_stock()
    for reach in line.run.reaches:
        medians = ", ".join(f"{mode} {line.median(mode, reach.column):,.0f}" for mode in line.outcomes)
        yield {"measure": f"{line.run.name}: {reach.column}", "measured": line.ratio(reach.column), "unit": "x",
               "reach": str(reach), "verdict": verdict(reach.is_met(line.ratio(reach.column))),
               "basis": f"{medians}; to {better}"}
    yield {"measure": f"{line.run.name}: page cache at the end", "measured": line.largest(PENSTOCK, "page_cache_bytes"),
           "unit": "bytes", "reach": "<= 0 bytes", "verdict": verdict(line.leaves_nothing()),
           "basis": f"side files {line.largest(PENSTOCK, 'side_bytes'):,} bytes"}


def write_json(path, sizes, lines, notes):
    outcomes = {line.run.name: {mode: [asdict(outcome) for outcome in of_mode]
                                for mode, of_mode in line.outcomes.items()} for line in lines}
    report = {"benchmark": "rocksdb", "notes": notes, "rows": [row for line in lines for row in json_rows(line)],
              "sizes": asdict(sizes), "outcomes": outcomes}
    path.write_text(json.dumps(report, indent=2) + "\n")


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dir", type=Path, default=Path("."),
                        help="where to measure; a directory of its own is made and removed")
    parser.add_argument("--quick", action="store_true", help="a few minutes, rough numbers")
    parser.add_argument("--json", type=Path, help="also write everything to this file")
    parser.add_argument("--check", action="store_true", help="exit 1 if a reach is missed")
    parser.add_argument("--only", action="append", default=[], metavar="SUBSTRING",
                        help="the runs whose name holds this; again for more")
    parser.add_argument("--rounds", type=int, help=f"default: {FULL.rounds}; with --quick {QUICK.rounds}")
    parser.add_argument("--memory-mib", type=int, help=f"default: {FULL.memory_mib}; with --quick {QUICK.memory_mib}")
    parser.add_argument("--allocator", type=Path, metavar="LIBRARY",
                        help="a malloc that db_bench uses in all modes (libjemalloc.so.2, Debian's libjemalloc2); default: glibc's")
    parser.add_argument("--library", type=Path, default=REPOSITORY / "build/release/lib/libpenstock_rocksdb.so")
    options = parser.parse_args()
    if not options.library.exists():
        parser.error(f"there is no {options.library}; build it first")
    if options.allocator and not options.allocator.exists():
        parser.error(f"there is no {options.allocator}; give its whole path")
    return options


def sizes_of(options):
    given = {"rounds": options.rounds, "memory_mib": options.memory_mib}
    return replace(QUICK if options.quick else FULL, **{name: value for name, value in given.items() if value})


def fill_for(chosen, db_bench, mode):
    wanted = {run.database for run in chosen if run.database}
    if wanted:
        db_bench.fill(mode)
    if "large" in wanted:
        db_bench.make_large(mode)


def main():
    options = parse_options()
    sizes = sizes_of(options)
    chosen = [run for run in runs(sizes) if not options.only or any(part in run.name for part in options.only)]
    if not chosen:
        names = "; ".join(run.name for run in runs(sizes))
        raise SystemExit(f"no run's name holds {' or '.join(options.only)}: {names}")
    machine.cached_pages(__file__)  # what cannot be counted is said before minutes are spent
    modes = [Mode(BUFFERED, [], has_page_cache=True), Mode(DIRECT, DIRECT_FLAGS),
             Mode(PENSTOCK, ["--fs_uri=penstock://"], preload=options.library.resolve())]
    lines = []

    def add(line):
        lines.append(line)
        print(table_line(line), flush=True)

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    options.dir.mkdir(parents=True, exist_ok=True)
    stolen = machine.StolenTime()
    with tempfile.TemporaryDirectory(prefix="rocksdb_bench-", dir=options.dir) as directory:
        db_bench = DbBench(Path(directory).resolve(), sizes, options.allocator)
        fill_for(chosen, db_bench, modes[1])
        print(HEADER, flush=True)
        raw = measure_all(db_bench, modes, chosen, sizes.rounds, add)
    notes = [*([raw_note(raw, lines)] if raw else []), page_cache_note(lines), db_bench.mode_line,
             f"the hypervisor kept {stolen.percent():.1f} % of the processors' time",
             f"{sizes.rounds} rounds, {sizes.keys:,} keys, memory {sizes.memory_mib} MiB, "
             f"malloc of {options.allocator or 'glibc'}"
             + (" (--quick: rough)" if options.quick else "")]
    print("\n" + "\n".join(notes))
    if options.json:
        write_json(options.json, sizes, lines, notes)
    is_met = all(line.is_met() and line.leaves_nothing() for line in lines)
    return 1 if options.check and not is_met else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted")
