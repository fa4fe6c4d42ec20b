"""The log of recording_device.cc, and the images that a power cut could have left of the device.

A cut is a place in the log. Every write that a flush before it covers is on the image; of the other writes
before it, each is there, is not, or is there in part, by sectors of 512 bytes.
"""

import bisect
import itertools
import mmap
import os
import struct
import subprocess
from dataclasses import dataclass

SECTOR_BYTES = 512
HEAD = struct.Struct("=IIQ")  # RecordHead
WRITE, FLUSH = 1, 2


@dataclass
class Write:
    end: int  # of its record in the log
    data_at: int  # in the log
    size: int
    offset: int  # on the device


@dataclass
class Flush:
    end: int
    covered: int  # writes with end <= covered are durable


class DeviceLog:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.bytes = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        self.writes, self.flushes = [], []
        at, size = 0, len(self.bytes)
        while at < size:
            assert at + HEAD.size <= size, f"{path}: no record at {at}"
            kind, data_bytes, argument = HEAD.unpack_from(self.bytes, at)
            end = at + HEAD.size + data_bytes
            assert end <= size and kind in (WRITE, FLUSH), f"{path}: no record at {at}"
            if kind == WRITE:
                self.writes.append(Write(end, at + HEAD.size, data_bytes, argument))
            else:
                self.flushes.append(Flush(end, argument))
            at = end
        self.covered = list(itertools.accumulate((flush.covered for flush in self.flushes), max))

    def covered_at(self, cut):
        ended = bisect.bisect_right(self.flushes, cut, key=lambda flush: flush.end)
        return self.covered[ended - 1] if ended > 0 else 0

    def unflushed_at(self, cut):
        """How many writes before `cut` no flush before it covers."""
        first, last = (bisect.bisect_right(self.writes, place, key=lambda write: write.end)
                       for place in (self.covered_at(cut), cut))
        return last - first

    def data(self, write):
        return self.bytes[write.data_at:write.data_at + write.size]


def make_device(path, device_bytes, base=None):
    """A file of zeros, or a copy of the image `base`."""
    if base is not None:
        subprocess.run(["cp", "--sparse=auto", base, path], check=True)
    else:
        with open(path, "wb") as file:
            file.truncate(device_bytes)


def sectors_of(write, sector_bytes):
    """(begin, end) of the parts of a write that lie in one sector each."""
    begin = 0
    while begin < write.size:
        end = min(write.size, begin + sector_bytes - (write.offset + begin) % sector_bytes)
        yield begin, end
        begin = end


class ImageMaker:
    """Makes images of one log, of a device that began as zeros, or as the image `base`.

    Cuts come in ascending order: what is durable is applied once.
    """

    def __init__(self, log, device_bytes, durable_path, base=None):
        self.log = log
        self.durable_path = durable_path
        make_device(durable_path, device_bytes, base)
        self.durable = open(durable_path, "r+b")
        self.applied = 0  # of log.writes

    def close(self):
        self.durable.close()

    def apply_durable(self, covered):
        while self.applied < len(self.log.writes) and self.log.writes[self.applied].end <= covered:
            write = self.log.writes[self.applied]
            os.pwrite(self.durable.fileno(), self.log.data(write), write.offset)
            self.applied += 1

    def make(self, path, cut, random, keep=(0.0, 0.5, 1.0), sector_bytes=SECTOR_BYTES):
        """Writes an image of a cut at `cut`: (unflushed writes, how many of them are on it whole or in part).

        Sectors of `sector_bytes` are there wholly or not at all.
        """
        self.apply_durable(self.log.covered_at(cut))
        make_device(path, None, base=self.durable_path)
        share = random.choice(keep)
        unflushed = kept = 0
        with open(path, "r+b") as image:
            for write in self.log.writes[self.applied:]:
                if write.end > cut:
                    break
                unflushed += 1
                if random.random() >= share:
                    continue
                kept += 1
                data = self.log.data(write)
                torn = random.random() < 0.3
                for begin, end in sectors_of(write, sector_bytes) if torn else [(0, write.size)]:
                    if not torn or random.random() < 0.5:
                        os.pwrite(image.fileno(), data[begin:end], write.offset + begin)
        return unflushed, kept
