#!/usr/bin/python3
"""db_bench, unchanged, on RocksDB's own file system (buffered and direct) and on penstock://, one after the other in
turns, each in a memory cgroup of the same size with its page cache counted. Medians, and the ratio to the better of
the two stock modes.

    rocksdb_bench.py --library build/release/lib/libpenstock_rocksdb.so --work-dir DIR [--rounds 5] [--keys 3000000]
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

TIMEOUT_S = 1800
VALUE_BYTES = 400
MIB = 1 << 20

DIRECT = ["--use_direct_reads=true", "--use_direct_io_for_flush_and_compaction=true"]


class Mode:
    def __init__(self, name, flags, preload=None):
        self.name, self.flags, self.preload = name, flags, preload


class Run:
    """One line of the table: what db_bench is to do, and whether it begins with a filled database."""

    def __init__(self, name, benchmark, flags, needs_database):
        self.name, self.benchmark, self.flags, self.needs_database = name, benchmark, flags, needs_database


def runs(args):
    reads = args.reads
    return [
        Run("fillsync, 1 thread", "fillsync", [f"--num={args.synced}", "--sync=1"], False),
        Run("fillsync, 8 threads", "fillsync", [f"--num={args.synced}", "--sync=1", "--threads=8"], False),
        Run("fillrandom, WAL unsynced", "fillrandom", [f"--num={args.keys}"], False),
        Run("readrandom, 4 threads", "readrandom", [f"--reads={reads}", "--threads=4"], True),
        Run("MultiGet of 32", "multireadrandom", [f"--reads={reads}", "--batch_size=32", "--multiread_batched"], True),
        Run("seekrandom, 100 nexts", "seekrandom", [f"--reads={reads // 20}", "--seek_nexts=100"], True),
        Run("readseq cold", "readseq", [], True),
    ]


class MemoryCgroup:
    """A limit on memory, page cache included; without the right to make one, none."""

    def __init__(self, bytes_max):
        is_v1 = Path("/sys/fs/cgroup/memory/memory.limit_in_bytes").exists()
        self.path = Path("/sys/fs/cgroup", "memory" if is_v1 else "", f"penstock-rocksdb-{os.getpid()}")
        try:
            self.path.mkdir()
            (self.path / ("memory.limit_in_bytes" if is_v1 else "memory.max")).write_text(str(bytes_max))
        except OSError as error:
            print(f"no memory cgroup ({error}): runs are not limited", file=sys.stderr)
            self.remove()
            self.path = None

    def enter(self):
        if self.path:
            (self.path / "cgroup.procs").write_text(str(os.getpid()))

    def remove(self):
        if self.path and self.path.exists():
            self.path.rmdir()


def bench(mode, database, cgroup, benchmark, flags):
    command = ["db_bench", f"--db={database}", f"--benchmarks={benchmark}", f"--value_size={VALUE_BYTES}",
               "--histogram=1", "--seed=1", "--compression_type=none", *mode.flags, *flags]
    environment = os.environ | ({"LD_PRELOAD": str(mode.preload)} if mode.preload else {})
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, env=environment,
                          preexec_fn=cgroup.enter, check=True)
    speed = re.search(rf"^{benchmark}\s*:.*?(\d+) ops/sec", done.stdout, re.MULTILINE)
    tail = re.search(r"P99: ([\d.]+) P99\.9: ([\d.]+)", done.stdout)
    assert speed, done.stdout + done.stderr
    return int(speed.group(1)), float(tail.group(1)) if tail else 0.0, float(tail.group(2)) if tail else 0.0


def measure(args, modes, run, cgroup):
    results = {mode.name: [] for mode in modes}
    for _ in range(args.rounds):
        for mode in modes:
            database = args.work_dir / ("filled" if run.needs_database else "fresh")
            if not run.needs_database:
                shutil.rmtree(database, ignore_errors=True)
            flags = run.flags + ([f"--num={args.keys}", "--use_existing_db=1"] if run.needs_database else [])
            results[mode.name].append(bench(mode, database, cgroup, run.benchmark, flags))
    return {name: [statistics.median(column) for column in zip(*rows)] for name, rows in results.items()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--library", type=Path, required=True)
    parser.add_argument("--work-dir", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keys", type=int, default=3_000_000)
    parser.add_argument("--reads", type=int, default=100_000, help="per thread")
    parser.add_argument("--synced", type=int, default=20_000, help="synced puts per thread")
    parser.add_argument("--memory-mib", type=int, default=400)
    parser.add_argument("--only", default="", help="runs whose name holds this")
    args = parser.parse_args()
    library = args.library.resolve()
    modes = [Mode("buffered", []), Mode("direct", DIRECT), Mode("penstock", ["--fs_uri=penstock://"], library)]
    args.work_dir.mkdir(parents=True, exist_ok=True)
    chosen = [run for run in runs(args) if args.only in run.name]
    cgroup = MemoryCgroup(args.memory_mib * MIB)
    try:
        if any(run.needs_database for run in chosen):
            bench(modes[2], args.work_dir / "filled", cgroup, "fillrandom", [f"--num={args.keys}"])
        print("| run | buffered ops/s; p99.9 us | direct | penstock | ops/s ratio | p99.9 ratio |\n|---|---|---|---|---|---|")
        for run in chosen:
            medians = measure(args, modes, run, cgroup)
            best = max(["buffered", "direct"], key=lambda name: medians[name][0])
            cells = [f"{medians[mode.name][0]:,.0f}; {medians[mode.name][2]:,.0f}" for mode in modes]
            speed = medians["penstock"][0] / max(1, medians[best][0])
            tail = medians["penstock"][2] / max(0.001, medians[best][2])
            print(f"| {run.name} | {' | '.join(cells)} | {speed:.2f} | {tail:.2f} |", flush=True)
    finally:
        cgroup.remove()
        shutil.rmtree(args.work_dir, ignore_errors=True)


if __name__ == "__main__":
    main()
