#!/usr/bin/python3
"""The images of device_log.py, from logs that are made here."""

import random
import tempfile
import unittest
from pathlib import Path

from device_log import FLUSH, HEAD, SECTOR_BYTES, WRITE, DeviceLog, ImageMaker

DEVICE_BYTES = 64 * 1024
BLOCK_BYTES = 4096
BLOCKS = 8


class ImageTest(unittest.TestCase):
    def setUp(self):
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.log_bytes = b""

    def write(self, block, byte):
        """The place behind it."""
        self.log_bytes += HEAD.pack(WRITE, BLOCK_BYTES, block * BLOCK_BYTES) + bytes([byte]) * BLOCK_BYTES
        return len(self.log_bytes)

    def flush(self, covered=None):
        self.log_bytes += HEAD.pack(FLUSH, 0, len(self.log_bytes) if covered is None else covered)
        return len(self.log_bytes)

    def log(self):
        path = self.directory / "log"
        path.write_bytes(self.log_bytes)
        return DeviceLog(path)

    def images(self, cut, count=50, base=None, **how):
        """The sectors' bytes, one list for each image; every sector is all of one byte."""
        image_path = self.directory / "image"
        maker = ImageMaker(self.log(), DEVICE_BYTES, self.directory / "durable", base)
        self.addCleanup(maker.close)
        made = []
        for seed in range(count):
            maker.make(image_path, cut, random.Random(seed), **how)
            image = image_path.read_bytes()
            sectors = [image[at:at + SECTOR_BYTES] for at in range(0, DEVICE_BYTES, SECTOR_BYTES)]
            self.assertTrue(all(len(set(sector)) == 1 for sector in sectors), "a sector was torn")
            made.append([sector[0] for sector in sectors])
        return made

    def block(self, image, block):
        sectors = BLOCK_BYTES // SECTOR_BYTES
        return image[block * sectors:(block + 1) * sectors]

    def test_what_a_flush_covers_is_on_every_image(self):
        for block in range(BLOCKS):
            self.write(block, 1)
        cut = self.flush()
        for image in self.images(cut):
            for block in range(BLOCKS):
                self.assertEqual(set(self.block(image, block)), {1})

    def test_what_comes_behind_the_cut_is_on_no_image(self):
        self.write(0, 1)
        cut = self.flush()
        self.write(0, 2)
        self.flush()
        for image in self.images(cut):
            self.assertEqual(set(self.block(image, 0)), {1})

    def test_a_flush_that_has_not_ended_keeps_nothing(self):
        self.write(0, 1)
        cut = self.flush() - 1
        self.assertTrue(any(set(self.block(image, 0)) == {0} for image in self.images(cut)))

    def test_a_write_during_a_flush_is_not_covered_by_it(self):
        covered = self.write(0, 1)
        self.write(1, 1)
        cut = self.flush(covered)
        images = self.images(cut)
        self.assertTrue(all(set(self.block(image, 0)) == {1} for image in images))
        self.assertTrue(any(set(self.block(image, 1)) == {0} for image in images))

    def test_unflushed_writes_are_there_or_not_or_torn_independently(self):
        cut = max(self.write(block, 1) for block in range(BLOCKS))
        images = self.images(cut)
        seen = {frozenset(self.block(image, block)) for image in images for block in range(BLOCKS)}
        self.assertEqual(seen, {frozenset({0}), frozenset({1}), frozenset({0, 1})})
        later_without_earlier = [image for image in images
                                 if set(self.block(image, 0)) == {0} and 1 in self.block(image, 1)]
        self.assertTrue(later_without_earlier, "writes were kept in order only")

    def test_a_device_with_blocks_of_4096_bytes_tears_none(self):
        cut = max(self.write(block, 1) for block in range(BLOCKS))
        seen = {frozenset(self.block(image, block))
                for image in self.images(cut, sector_bytes=BLOCK_BYTES) for block in range(BLOCKS)}
        self.assertEqual(seen, {frozenset({0}), frozenset({1})})

    def test_an_image_begins_as_the_device_did(self):
        base = self.directory / "base"
        base.write_bytes(bytes([7]) * DEVICE_BYTES)
        self.write(0, 1)
        for image in self.images(self.flush(), count=2, base=base):
            self.assertEqual([set(self.block(image, block)) for block in (0, 1)], [{1}, {7}])

    def test_unflushed_writes_are_counted(self):
        flushed = self.write(0, 1)
        self.write(1, 1)
        flush_end = self.flush(flushed)
        end = self.write(2, 1)
        log = self.log()
        self.assertEqual([log.unflushed_at(cut) for cut in (0, flushed, flush_end - 1, flush_end, end - 1, end)],
                         [0, 1, 2, 1, 1, 2])

    def test_a_log_that_ends_within_a_record_is_refused(self):
        self.write(0, 1)
        self.log_bytes = self.log_bytes[:-1]
        with self.assertRaises(AssertionError):
            self.images(0, count=1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
