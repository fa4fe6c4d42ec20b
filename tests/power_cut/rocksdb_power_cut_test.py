#!/usr/bin/python3
"""Power cuts under RocksDB on penstock://: no synced write is missing, in whichever recovery mode it is opened.

Six writers share a database on a recorded device (power_cuts.py), with synced writes, batches and deletes
among the others, and memtables so small that logs, tables and MANIFESTs come and go
(tests/rocksdb/write_recorder.cc). It lives several lives in different modes; each ends in order or by
kill -9, and now and then by a power cut, after which it goes on with what that has left. On each image of
what a power cut could have left the database is opened through penstock://, in a recovery mode that has to
open it, and compared with what was acknowledged; then it is opened once more, half of the time with
RocksDB's own file system, and has to hold the same. `penstock rocksdb check` looks at it before and after.

    rocksdb_power_cut_test.py [--images N] [--load-seconds N] [--file-systems ext4,xfs] [--seed N]
"""

import bisect
import json
import signal
import subprocess
import sys
import time

import power_cuts

import harness

WRITERS = 6
LIFE_SECONDS = (0.2, 1.5)
BROKEN_PROMISE = 3  # write_recorder's exit code
SYNCED, NOT_SYNCED = b"s", b"."  # in its records
TIMEOUT_S = 120
# Twice the default, which is what most will use. The step is small because the logs are.
FILE_SYSTEMS = ["penstock://", "penstock://", "penstock://?log_step=64KiB", "penstock://?side_file=0",
                "penstock://?side_file=0&log_step=64KiB", "penstock://?mode=uncached", "penstock://?mode=buffered"]


class DatabaseCuts(power_cuts.PowerCuts):
    recordings = 3

    def __init__(self, workspace, file_system, random_source):
        super().__init__(workspace, file_system, random_source)
        self.ack_paths = [workspace.path / f"acks-{file_system}-{writer}" for writer in range(WRITERS)]
        self.script_seed = self.draw_seed()
        self.lives = self.kills = self.opened_by_stock = 0
        self.with_logs_not_closed = self.with_used_side_files = self.with_ignored_side_files = 0

    def draw_seed(self):
        return self.random.randrange(1 << 32)

    def recorder(self, command, mount, file_system, *arguments):
        return harness.dying_with_parent(
            [harness.bin_dir() / "rocksdb_write_recorder", command, "--database", mount / "db", "--file-system",
             file_system, "--seed", self.script_seed, "--options-seed", self.draw_seed(), *arguments])

    def run_load(self, mount, load_seconds):
        with self.marked():
            deadline = time.monotonic() + load_seconds
            while time.monotonic() < deadline:
                self.live(mount)

    def live(self, mount):
        process = subprocess.Popen(self.recorder("run", mount, self.random.choice(FILE_SYSTEMS), *self.ack_paths))
        try:
            time.sleep(self.random.uniform(*LIFE_SECONDS))
            assert process.poll() is None, f"the writers ended with {process.returncode}"
            self.lives += 1
            if self.random.random() < 0.5:
                self.kills += 1
            else:
                process.send_signal(signal.SIGTERM)
                assert process.wait(TIMEOUT_S) == 0, f"closing ended with {process.returncode}"
        finally:
            process.kill()
            process.wait()

    def lose_behind(self, cut):
        """Its operations are as if they had never been synced, and are not done again: they may be there."""
        for path, size in zip(self.ack_paths, self.marks.sizes_at(cut)):
            record = path.read_bytes()
            path.write_bytes(record[:size] + NOT_SYNCED * (len(record) - size + 1))

    def middle(self):
        """By what was synced: in some lives that is little, and much is written."""
        records = [path.read_bytes() for path in self.ack_paths]

        def synced(mark):
            return sum(record.count(SYNCED, 0, size) for record, size in zip(records, mark[1]))

        marks = self.marks.marks
        first, last = synced(marks[0]), synced(marks[-1])
        assert last > first, "nothing was synced"
        half = bisect.bisect_left(marks, (first + last) // 2, key=synced)
        # A mark's place is read after its sizes, on a busy machine long after: what is in the next mark's sizes can lie
        # in front of it.
        return marks[max(half - 2, 0)][0]

    def look(self, mount):
        """The logs that were not closed, by `penstock rocksdb check`."""
        if not (mount / "db" / "CURRENT").exists():
            return []  # cut before there was a database
        said = harness.run([harness.bin_dir() / "penstock", "rocksdb", "check", mount / "db", "--json"])
        return json.loads(said)["not_closed"]

    def check(self, mount, cut):
        not_closed = self.look(mount)
        self.with_logs_not_closed += bool(not_closed)
        self.with_used_side_files += any(log["unsynced_bytes"] > 0 for log in not_closed)
        self.with_ignored_side_files += any(log["ignored"] for log in not_closed)
        second = self.random.choice(["stock", "penstock://"])
        self.opened_by_stock += second == "stock"
        command = self.recorder("check", mount, self.random.choice(FILE_SYSTEMS), "--then", second,
                                "--record", *self.ack_paths, "--size", *self.marks.sizes_at(cut))
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
        printed = f"{' '.join(command)}\n{done.stdout}{done.stderr}"
        assert done.returncode in (0, BROKEN_PROMISE), f"the database cannot be read:\n{printed}"
        self.checked += int(done.stdout.split()[-3])
        if done.returncode == BROKEN_PROMISE:
            return printed
        left = self.look(mount)
        return f"not closed in order: {left}" if left else None

    def summary(self):
        operations = sum(path.stat().st_size for path in self.ack_paths)
        return (f"{super().summary()}; {operations:,} operations in {self.lives} lives, {self.kills} of them "
                f"killed; {self.with_logs_not_closed} images with logs that were not closed, "
                f"{self.with_used_side_files} with side files that continue them, {self.with_ignored_side_files} with "
                f"others; {self.opened_by_stock} images opened by stock RocksDB afterwards; {self.checked:,} synced "
                f"keys required and found")


if __name__ == "__main__":
    sys.exit(power_cuts.run_campaign("rocksdb_power_cut", __doc__, DatabaseCuts))
