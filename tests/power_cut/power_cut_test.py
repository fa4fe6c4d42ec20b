#!/usr/bin/python3
"""Power cuts under a real server on a real file system: recovery keeps every acknowledged message.

A fresh ext4 (or XFS) lies on a loop device whose backing store is recording_device: every write and flush
of the file system is in a log. `penstock serve` runs on it under load, on topics of every kind
(tests/clients/ack_load.py), and each acknowledgement is tied to a place in that log. Then images are made
of what power cuts could have left (device_log.py): right behind a flush, right before one ends, anywhere.
Each image is mounted, which replays the file system's journal, a server starts on it, and all messages
that were acknowledged before the cut are read and compared: at their offsets, with their bytes, in order,
none twice. Of a topic that may lose its tail, what is there has to be a prefix.

    power_cut_test.py [--images N] [--load-seconds N] [--file-systems ext4,xfs] [--seed N]

The last step shows that the check can fail: the device of the last image lies, its flushes since the
middle of the load kept nothing, and acknowledged messages have to be found missing.

Skipped, with the reason, without root, /dev/fuse or loop devices.
"""

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))

import ack_load
import harness
import mounts
import wire
from device_log import DeviceLog, ImageMaker

DEVICE_MIB = 512
FLUSH_MS = 2
FIRST_ACKS_TIMEOUT_S = 30
SERVER_FLAGS = ["--shards", 2, "--set", "storage.segment_bytes=8MiB"]
# The log keeps all that is written: slower than those of ack_load.LOADS.
LOADS = [
    ["--acks", "all", "--max-bytes", "300", "--rate", 500_000],
    ["--acks", "1", "--codec", "lz4", "--max-bytes", "40000", "--rate", 1_000_000],
]


class AckMarks:
    """Ties acknowledgements to places in the log, in a thread: what was in the files before the place was read."""

    def __init__(self, log_path, ack_paths):
        self.log_path = log_path
        self.ack_paths = ack_paths
        self.marks = []  # (place, the size of each acknowledgement file), ascending
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()

    def run(self):
        while not self.ended.is_set():
            sizes = [path.stat().st_size if path.exists() else 0 for path in self.ack_paths]
            place = self.log_path.stat().st_size
            if not self.marks or self.marks[-1][1] != sizes:
                self.marks.append((place, sizes))
            time.sleep(0.0005)

    def sizes_at(self, cut):
        return max((mark for mark in self.marks if mark[0] <= cut), default=(0, [0] * len(self.ack_paths)))[1]


@contextlib.contextmanager
def mounted_device(backing, path, make=None):
    """The file system on `backing`, through a loop device that ends with the mount; `make` makes it first."""
    path.mkdir(exist_ok=True)
    if make is not None:
        harness.run([*make, backing])
    harness.run(["mount", "-o", "loop", backing, path])
    try:
        yield path
    finally:
        mounts.unmount(path)


@contextlib.contextmanager
def recording_device(workspace, log_path):
    """A file whose writes and flushes are recorded in `log_path`."""
    backing, place = workspace.path / "backing", workspace.path / "fuse"
    place.mkdir(exist_ok=True)
    with open(backing, "wb") as file:
        file.truncate(DEVICE_MIB << 20)
    process = subprocess.Popen(harness.dying_with_parent(
        [harness.bin_dir() / "recording_device", backing, log_path, FLUSH_MS, place]))
    try:
        def served():
            assert process.poll() is None, f"recording_device ended with {process.returncode}"
            return (place / "device").exists()

        harness.wait_until(served, 10, "recording_device's file")
        yield place / "device"
    finally:
        if os.path.ismount(place):
            mounts.unmount(place)
        process.wait(10)
        backing.unlink()


class PowerCuts:
    def __init__(self, workspace, file_system, random_source):
        self.workspace = workspace
        self.file_system = file_system
        self.random = random_source
        self.log_path = workspace.path / f"device-log-{file_system}"
        self.topics = {f"cut-{kind}": kind for kind in ack_load.TOPIC_KINDS}
        self.acks = [(topic, workspace.path / f"acks-{file_system}-{topic}-{number}")
                     for topic in self.topics for number in range(len(LOADS))]
        self.unflushed = self.checked = self.lost_tails = 0

    def record(self, load_seconds):
        """Runs the load on a recorded device; self.marks and self.begin are then known."""
        with recording_device(self.workspace, self.log_path) as device, \
                mounted_device(device, self.workspace.path / "recorded", mounts.MAKE[self.file_system]) as mount:
            server = self.workspace.server(*SERVER_FLAGS, name=f"recorded-{self.file_system}", data_dir=mount / "data")
            try:
                self.run_load(server, load_seconds)
            finally:
                server.kill9()
        self.log = DeviceLog(self.log_path)
        assert any(flush.end > self.begin for flush in self.log.flushes), "no flush reached the device under load"

    def run_load(self, server, load_seconds):
        server.start()
        with wire.Connection(server.port) as connection:
            for topic, kind in self.topics.items():
                ack_load.create(connection, topic, kind)
        self.begin = self.log_path.stat().st_size
        with AckMarks(self.log_path, [path for _, path in self.acks]) as self.marks:
            producers = [ack_load.start_producer(server, topic, number + 1, path, LOADS[number % len(LOADS)])
                         for number, (topic, path) in enumerate(self.acks)]
            try:
                for _, path in self.acks:
                    harness.wait_until(lambda path=path: path.exists() and path.read_bytes().count(b"\n") > 1,
                                       FIRST_ACKS_TIMEOUT_S, f"first acknowledgement in {path.name}")
                time.sleep(load_seconds)
                server.assert_runs()
                self.end = self.log_path.stat().st_size
            finally:
                ack_load.stop(producers)

    def cuts(self, count):
        """A third right behind a flush, a third right before one has ended, a third anywhere."""
        ends = [flush.end for flush in self.log.flushes if self.begin < flush.end <= self.end]
        places = [lambda: self.random.choice(ends), lambda: self.random.choice(ends) - 1,
                  lambda: self.random.randint(self.begin, self.end)]
        return sorted(places[number % 3]() for number in range(count))

    def acknowledged_before(self, cut, topic, ends):
        """Files of the topic's acknowledgements before `cut`; those at or behind `ends` (if any) left out."""
        paths = []
        for (of_topic, path), size in zip(self.acks, self.marks.sizes_at(cut)):
            if of_topic != topic:
                continue
            with open(path, "rb") as file:
                whole_lines = file.read(size).decode().rpartition("\n")[0].split("\n")
            head, lines = whole_lines[0] or "producer 0", whole_lines[1:]
            kept = [line for line in lines if ends is None or int(line.split()[1]) < ends[int(line.split()[0])]]
            self.lost_tails += len(lines) - len(kept)
            paths.append(self.workspace.path / f"required-{path.name}")
            paths[-1].write_text("".join(f"{line}\n" for line in [head, *kept]))
        return paths

    def check_topics(self, server, cut, may_lose_tail):
        """What is wrong with the topics, as text; None when all is there. `may_lose_tail`: topics."""
        wrong = []
        for topic in self.topics:
            ends = None
            if topic in may_lose_tail:
                with wire.Connection(server.port) as connection:
                    ends = {partition: connection.list_offset(topic, partition, wire.LATEST).offset
                            for partition in range(ack_load.PARTITIONS)}
            code, numbers, printed = ack_load.check(server, topic, self.acknowledged_before(cut, topic, ends))
            assert code in (0, ack_load.BROKEN_PROMISE), f"{topic} cannot be read:\n{printed}"
            if code != 0:
                wrong.append(f"{topic}:\n{printed}")
            self.checked += int(numbers["acknowledged"])
        return "\n".join(wrong) or None

    def check_image(self, image, cut, may_lose_tail):
        with mounted_device(image, self.workspace.path / "cut") as mount:
            server = self.workspace.server(*SERVER_FLAGS, name="after-the-cut", data_dir=mount / "data")
            try:
                server.start()
                return self.check_topics(server, cut, may_lose_tail)
            except AssertionError as error:
                raise AssertionError(f"{self.file_system}, cut at {cut}:\n{error}\n{server.log_tail()}") from error
            finally:
                server.kill9()
                self.workspace.servers.remove(server)

    def run(self, images):
        may_lose_tail = {topic for topic, kind in self.topics.items()
                         if kind in ack_load.KINDS_THAT_MAY_LOSE_THEIR_TAIL}
        image = self.workspace.path / "image"
        maker = ImageMaker(self.log, DEVICE_MIB << 20, self.workspace.path / "durable")
        for cut in self.cuts(images):
            unflushed, _ = maker.make(image, cut, self.random)
            self.unflushed += unflushed
            wrong = self.check_image(image, cut, may_lose_tail)
            assert wrong is None, f"{self.file_system}, cut at {cut}, broken promise:\n{wrong}"
        maker.close()

    def notice_a_lying_device(self):
        """An image without what the flushes since the middle of the load should have kept.

        The promise to lose nothing is broken then, and the promise to keep a prefix is not.
        """
        image = self.workspace.path / "image"
        maker = ImageMaker(self.log, DEVICE_MIB << 20, self.workspace.path / "durable")
        middle = self.log.covered_at((self.begin + self.end) // 2)
        maker.make(image, middle, self.random, keep=[1.0])
        maker.close()
        found_before = self.checked, self.lost_tails
        wrong = self.check_image(image, self.end, may_lose_tail=set())
        assert wrong is not None, "a device that lost half of the load went unnoticed"
        wrong = self.check_image(image, self.end, may_lose_tail=set(self.topics))
        assert wrong is None, f"what a lying device left is no prefix:\n{wrong}"
        assert self.lost_tails > found_before[1], "a lying device lost nothing"
        self.checked, self.lost_tails = found_before

    def summary(self, images):
        return (f"{self.file_system}: {images} images, {len(self.log.writes):,} writes and {len(self.log.flushes):,} "
                f"flushes recorded; {self.unflushed:,} unflushed writes in the images; {self.checked:,} acknowledged "
                f"messages required and found; {self.lost_tails:,} lost at tails that may be lost; "
                f"a lying device was noticed")


def why_not():
    if not (os.path.exists("/dev/fuse") and os.access("/dev/fuse", os.R_OK | os.W_OK)):
        return "/dev/fuse is missing or not accessible"
    return mounts.why_no_mounts()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=6, help="of all file systems together")
    parser.add_argument("--load-seconds", type=float, default=4)
    parser.add_argument("--file-systems", default="ext4,xfs")
    options = harness.parse_campaign(parser)
    if (reason := why_not()) is not None:
        harness.skip(reason)
    mounts.enter_mount_namespace()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # cleans up first
    print(f"power_cut_test --images {options.images} --seed {options.seed}", flush=True)
    file_systems = options.file_systems.split(",")
    with harness.Workspace("power_cut") as workspace:
        for file_system in file_systems:
            if (reason := mounts.why_not_mountable(workspace, file_system)) is not None:
                harness.skip(reason)
        for position, file_system in enumerate(file_systems):
            images = (options.images + position) // len(file_systems)
            cuts = PowerCuts(workspace, file_system, random.Random(f"{options.seed} {file_system}"))
            cuts.record(options.load_seconds)
            cuts.run(images)
            cuts.notice_a_lying_device()
            print(cuts.summary(images), flush=True)


if __name__ == "__main__":
    sys.exit(main())
