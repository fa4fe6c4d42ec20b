"""Power cuts under a program on a real file system: what the tests of each program share.

A fresh ext4 (or XFS) lies on a loop device whose backing store is recording_device: every write and flush
of the file system is in a log. The program runs on it under load, and each acknowledgement is tied to a
place in that log. Then images are made of what power cuts could have left (device_log.py): right behind a
flush, right before one ends, anywhere, and where much is on its way. Each image is mounted, which replays
the file system's journal, and the program's own check says whether all is there that was acknowledged
before the cut.

The last step shows that the check can fail: the device of the last image lies, its flushes since the
middle of the load kept nothing, and something acknowledged has to be found missing.

A test is a class on PowerCuts and a call of run_campaign(). Its options:

    [--images N] [--load-seconds N] [--file-systems ext4,xfs] [--seed N]

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

import harness
import mounts
from device_log import DeviceLog, ImageMaker, make_device

DEVICE_MIB = 512
# What writes are torn into; the next where the file system does not mount the image. XFS writes its directory blocks of
# 4 KiB in place and reads them before it replays its log, so an image in some hundred with a torn one does not mount
# ("Metadata CRC error", Linux 6.18). The same cut is then made once more as of a disk with blocks of 4 KiB.
SECTORS = {"ext4": [512], "xfs": [512, 4096]}
REFUSED_PER_IMAGES_MAX = 20  # one in so many, and one more: else something else than that is wrong
FLUSH_MS = 2


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


class MountRefused(AssertionError):
    """The file system itself does not take an image."""


@contextlib.contextmanager
def mounted_device(backing, path, make=None):
    """The file system on `backing`, through a loop device that ends with the mount; `make` makes it first."""
    path.mkdir(exist_ok=True)
    if make is not None:
        harness.run([*make, backing])
    try:
        harness.run(["mount", "-o", "loop", backing, path])
    except AssertionError as error:
        raise MountRefused(str(error)) from error
    try:
        yield path
    finally:
        mounts.unmount(path)


@contextlib.contextmanager
def recording_device(workspace, log_path, base):
    """A file, zeros or the image `base`, whose writes and flushes are recorded in `log_path`."""
    backing, place = workspace.path / "backing", workspace.path / "fuse"
    place.mkdir(exist_ok=True)
    make_device(backing, DEVICE_MIB << 20, base)
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
    """Recordings on one file system, and the images of them. A test provides run_load() and check().

    The first recording begins with a fresh file system. With more of them each goes on with what a cut of
    the one before has left, so that cuts come during and after recoveries too; lose_behind() is needed then.
    """

    recordings = 1

    def __init__(self, workspace, file_system, random_source):
        self.workspace = workspace
        self.file_system = file_system
        self.random = random_source
        self.log_path = workspace.path / f"device-log-{file_system}"
        self.image_path = workspace.path / "image"
        self.base = None  # what the device was when the recording began; None: zeros
        self.ack_paths = []  # files that grow with each acknowledgement
        self.images = self.written = self.flushed = self.unflushed = self.checked = 0
        self.refused = 0  # images that the file system itself did not mount

    def run_load(self, mount, load_seconds):
        """Runs the program in `mount`, the load itself within marked(); nothing runs there afterwards."""
        raise NotImplementedError

    def check(self, mount, cut):
        """What is wrong in `mount` with what was acknowledged before `cut`, as text; None when all is there.

        Adds what was required to self.checked. Raises AssertionError when the program cannot go on at all.
        """
        raise NotImplementedError

    def lose_behind(self, cut):
        """What was acknowledged behind `cut` counts no more."""
        raise NotImplementedError

    def record(self, load_seconds):
        """Runs the load on a recorded device; the log, the marks, and where they begin and end are then known."""
        make = mounts.MAKE[self.file_system] if self.base is None else None
        with recording_device(self.workspace, self.log_path, self.base) as device, \
                mounted_device(device, self.workspace.path / "recorded", make) as mount:
            self.run_load(mount, load_seconds)
        self.log = DeviceLog(self.log_path)
        self.written += len(self.log.writes)
        self.flushed += len(self.log.flushes)
        assert any(flush.end > self.begin for flush in self.log.flushes), "no flush reached the device under load"

    @contextlib.contextmanager
    def marked(self):
        """Cuts are made within it, and acknowledgements tied to places in the log."""
        self.begin = self.log_path.stat().st_size
        with AckMarks(self.log_path, self.ack_paths) as self.marks:
            yield
            self.end = self.log_path.stat().st_size

    def anywhere(self):
        return self.random.randint(self.begin, self.end)

    def where_much_is_unflushed(self):
        return max((self.anywhere() for _ in range(20)), key=self.log.unflushed_at)

    def cuts(self, count):
        """A quarter right behind a flush, one right before a flush has ended, and two as their names say."""
        ends = [flush.end for flush in self.log.flushes if self.begin < flush.end <= self.end]
        places = [lambda: self.random.choice(ends), lambda: self.random.choice(ends) - 1, self.anywhere,
                  self.where_much_is_unflushed]
        first = self.random.randrange(len(places))
        return sorted(places[(first + number) % len(places)]() for number in range(count))

    def go_on_from_a_cut(self):
        """The next recording begins with an image of this one, which is checked like all others."""
        cut = self.where_much_is_unflushed()
        base = self.workspace.path / "next-base"
        with self.image_maker() as maker:
            drawn_before = self.random.getstate()
            sector_bytes = self.check_cut(maker, cut)
            self.random.setstate(drawn_before)
            maker.make(base, cut, self.random, sector_bytes=sector_bytes)
        self.base = base.rename(self.workspace.path / "base")
        self.log_path.unlink()
        self.lose_behind(cut)

    @contextlib.contextmanager
    def image_maker(self):
        maker = ImageMaker(self.log, DEVICE_MIB << 20, self.workspace.path / "durable", self.base)
        try:
            yield maker
        finally:
            maker.close()

    def check_image(self, cut, **how):
        """check() of the image that was made last."""
        with mounted_device(self.image_path, self.workspace.path / "cut") as mount:
            try:
                return self.check(mount, cut, **how)
            except AssertionError as error:
                raise AssertionError(f"{self.file_system}, cut at {cut}:\n{error}") from error

    def run(self, images):
        with self.image_maker() as maker:
            for cut in self.cuts(images):
                self.check_cut(maker, cut)

    def check_cut(self, maker, cut):
        """Returns what its writes were torn into."""
        drawn_before = self.random.getstate()
        for sector_bytes in SECTORS[self.file_system]:
            self.random.setstate(drawn_before)
            unflushed, _ = maker.make(self.image_path, cut, self.random, sector_bytes=sector_bytes)
            try:
                wrong = self.check_image(cut)
                assert wrong is None, f"{self.file_system}, cut at {cut}, broken promise:\n{wrong}"
            except AssertionError as error:
                if isinstance(error, MountRefused) and sector_bytes != SECTORS[self.file_system][-1]:
                    self.refused += 1
                    limit = 1 + self.images // REFUSED_PER_IMAGES_MAX
                    assert self.refused <= limit, f"{self.refused} of {self.images} images cannot be mounted: {error}"
                    continue
                self.random.setstate(drawn_before)
                self.keep_image(maker, cut, sector_bytes)
                raise
            self.images += 1
            self.unflushed += unflushed
            return sector_bytes

    def keep_image(self, maker, cut, sector_bytes):
        """The image once more, as it was before the check changed it: a recording cannot be repeated."""
        path = harness.work_dir() / f"{self.workspace.path.name}-{self.file_system}.img"
        maker.make(path, cut, self.random, sector_bytes=sector_bytes)
        print(f"the image is {path}", flush=True)

    def middle(self):
        """The place in the log with as much to lose before it as behind it."""
        return (self.begin + self.end) // 2

    def make_lying_image(self):
        """An image without what the flushes since the middle of the load should have kept."""
        with self.image_maker() as maker:
            maker.make(self.image_path, self.log.covered_at(self.middle()), self.random, keep=[1.0],
                       sector_bytes=SECTORS[self.file_system][-1])

    def notice_a_lying_device(self):
        self.make_lying_image()
        found_before = self.checked
        assert self.check_image(self.end) is not None, "a device that lost half of the load went unnoticed"
        self.checked = found_before

    def summary(self):
        return (f"{self.file_system}: {self.images} images, {self.written:,} writes and {self.flushed:,} flushes "
                f"recorded; {self.unflushed:,} unflushed writes in the images; a lying device was noticed"
                + (f"; {self.refused} images were not mounted by {self.file_system} itself, and made anew"
                   if self.refused else ""))


def why_not():
    if not (os.path.exists("/dev/fuse") and os.access("/dev/fuse", os.R_OK | os.W_OK)):
        return "/dev/fuse is missing or not accessible"
    return mounts.why_no_mounts()


def run_campaign(name, description, cuts_of):
    """The main function of the test `name`. `cuts_of`: its class."""
    parser = argparse.ArgumentParser(description=description.split("\n")[0])
    parser.add_argument("--images", type=int, default=6, help="of all file systems together")
    parser.add_argument("--load-seconds", type=float, default=4)
    parser.add_argument("--file-systems", default="ext4,xfs")
    options = harness.parse_campaign(parser)
    if (reason := why_not()) is not None:
        harness.skip(reason)
    mounts.enter_mount_namespace()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # cleans up first
    print(f"{name}_test --images {options.images} --seed {options.seed}", flush=True)
    file_systems = options.file_systems.split(",")
    with harness.Workspace(name) as workspace:
        for file_system in file_systems:
            if (reason := mounts.why_not_mountable(workspace, file_system)) is not None:
                harness.skip(reason)
        for position, file_system in enumerate(file_systems):
            images = (options.images + position) // len(file_systems)
            cuts = cuts_of(workspace, file_system, random.Random(f"{options.seed} {file_system}"))
            for recording in range(cuts.recordings):
                if recording > 0:
                    cuts.go_on_from_a_cut()
                cuts.record(options.load_seconds / cuts.recordings)
                cuts.run((images + recording) // cuts.recordings)
            cuts.notice_a_lying_device()
            print(cuts.summary(), flush=True)
