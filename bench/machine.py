"""What a benchmark in Python asks of the machine: a limit on memory, what the page cache holds of files, and how fast
the bare device takes synced blocks."""

import ctypes
import mmap
import os
import time
from pathlib import Path

BLOCK_BYTES = 4096
CACHESTAT_CALL = 451  # the call's number, on every architecture
LIBC = ctypes.CDLL(None, use_errno=True)
SWAP_FILE_V2 = "memory.swap.max"  # only where the kernel accounts swap


class StolenTime:
    """How much of the processors' time the hypervisor of a virtual machine has kept since."""

    def __init__(self):
        self.began, self.before = time.monotonic(), self.stolen_s()

    @staticmethod
    def stolen_s():
        return int(Path("/proc/stat").read_text().split()[8]) / os.sysconf("SC_CLK_TCK")

    def percent(self):
        available_s = (time.monotonic() - self.began) * os.cpu_count()
        return 100 * (self.stolen_s() - self.before) / available_s


class MemoryCgroup:
    """A limit on memory, page cache included, for the processes that enter it; it goes away with the `with`."""

    def __init__(self, name, bytes_max):
        root, limits = self.hierarchy(bytes_max)
        self.path = root / name
        try:
            self.path.mkdir()
            for file, value in limits.items():
                if file != SWAP_FILE_V2 or (self.path / file).exists():
                    (self.path / file).write_text(str(value))
        except OSError as error:
            self.remove()
            raise SystemExit(f"no control group with a limit on memory: {error}; run as root") from None

    @staticmethod
    def hierarchy(bytes_max):
        v1, v2 = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")
        if (v1 / "memory.limit_in_bytes").exists():
            return v1, {"memory.limit_in_bytes": bytes_max, "memory.swappiness": 0}
        try:
            (v2 / "cgroup.subtree_control").write_text("+memory")
        except OSError as error:
            raise SystemExit(f"no cgroup hierarchy at {v2} controls memory: {error}; run as root") from None
        return v2, {"memory.max": bytes_max, SWAP_FILE_V2: 0}

    def enter(self):
        (self.path / "cgroup.procs").write_text(str(os.getpid()))

    def remove(self):
        for _ in range(50):
            try:
                return self.path.rmdir()
            except FileNotFoundError:
                return None
            except OSError:  # a process that was just killed is still in it
                time.sleep(0.1)
        raise RuntimeError(f"{self.path} cannot be removed")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()


def page_cache_bytes(paths):
    """What the page cache holds of each file; a file that goes away meanwhile counts nothing."""
    held = {}
    for path in map(Path, paths):
        try:
            held[path] = cached_pages(path) * mmap.PAGESIZE
        except FileNotFoundError:
            continue
    return held


def cached_pages(path):
    """By cachestat (Linux 6.5): mincore, and so fincore, overlook the page that a cut inside a block leaves."""
    fd = os.open(path, os.O_RDONLY)
    try:
        whole_file, counts = (ctypes.c_uint64 * 2)(0, 0), (ctypes.c_uint64 * 5)()
        if LIBC.syscall(CACHESTAT_CALL, fd, whole_file, counts, 0) != 0:
            raise SystemExit(f"cachestat of {path}: {os.strerror(ctypes.get_errno())}; Linux 6.5 is needed")
        return counts[0]
    finally:
        os.close(fd)


def drop_page_cache(paths):
    """Only these files' pages, and only clean ones: after os.sync()."""
    for path in paths:
        fd = os.open(path, os.O_RDONLY)
        try:
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(fd)


def raw_synced_writes_per_s(directory, blocks=4096, seconds=1.0):
    """O_DIRECT|O_DSYNC writes of 4 KiB over blocks that were written before, one at a time."""
    path = Path(directory, "raw")
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_DIRECT | os.O_DSYNC)
    try:
        prewrite(fd, blocks)
        block = mmap.mmap(-1, BLOCK_BYTES)
        block.write(os.urandom(BLOCK_BYTES))
        began, written = time.monotonic(), 0
        while time.monotonic() < began + seconds:
            os.pwritev(fd, [block], written % blocks * BLOCK_BYTES)
            written += 1
        return written / (time.monotonic() - began)
    finally:
        os.close(fd)
        path.unlink()


def prewrite(fd, blocks):
    with mmap.mmap(-1, blocks * BLOCK_BYTES) as all_blocks:
        all_blocks.write(os.urandom(blocks * BLOCK_BYTES))
        assert os.pwritev(fd, [all_blocks], 0) == blocks * BLOCK_BYTES
