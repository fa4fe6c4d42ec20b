#!/usr/bin/python3
"""Damaged segment files: named, kept as they are, and everything that is intact is served."""

import hashlib
import json
import os
import subprocess
import unittest

import harness
import wire

TOPIC = "damaged"
MESSAGES = 60
FILLER = os.urandom(50_000)
SMALL_SEGMENTS = ["--set", "storage.segment_bytes=1MiB", "--set", "pool.smallest_bytes=1MiB"]
EXIT_DAMAGE = 3


def value(index):
    return b"message %06d " % index + FILLER


class DamageTest(harness.WorkspaceTestCase):
    """Two partitions with the same 60 messages in several segments each; partition 0 is damaged."""

    def setUp(self):
        super().setUp()
        self.server = self.workspace.server(*SMALL_SEGMENTS)
        self.server.start()
        with wire.Connection(self.server.port) as connection:
            self.assertEqual(connection.create_topic(TOPIC, 2), wire.NONE)
            for index in range(MESSAGES):
                for partition in (0, 1):
                    produced = connection.produce(TOPIC, {partition: wire.batch([value(index)])})[partition]
                    self.assertEqual((produced.error, produced.base_offset), (wire.NONE, index))

    def segments(self):
        return sorted((self.server.data_dir / "topics" / TOPIC / "0").glob("*.seg"))

    def damage(self, path):
        """Flips one bit in the first message's value; returns the message's offset and the file's digest."""
        data = bytearray(path.read_bytes())
        at = data.index(b"message ")
        index = int(data[at + 8:at + 14])
        data[at + 1000] ^= 1
        path.write_bytes(data)
        return index, hashlib.sha256(data).digest()

    def verify(self):
        done = subprocess.run([harness.bin_dir() / "penstock", "log", "verify", self.server.data_dir],
                              capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def fetch_all(self, partition):
        """{offset that is not served whole and right: its error}"""
        wrong = {}
        with wire.Connection(self.server.port) as connection:
            self.assertEqual(connection.list_offset(TOPIC, partition, wire.EARLIEST).offset, 0)
            self.assertGreaterEqual(connection.list_offset(TOPIC, partition, wire.LATEST).offset, MESSAGES)
            for index in range(MESSAGES):
                fetched = connection.fetch(TOPIC, {partition: index}, max_bytes=1)[partition]
                if fetched.error != wire.NONE or value(index) not in fetched.records:
                    wrong[index] = fetched.error
                    self.assertNotIn(FILLER[:200], fetched.records, f"offset {index}: damaged bytes were served")
        return wrong

    def assert_only_these_are_lost(self, offsets):
        wrong = self.fetch_all(0)
        self.assertEqual(sorted(wrong), sorted(offsets))
        self.assertLessEqual(set(wrong.values()), {wire.CORRUPT_MESSAGE})
        self.assertEqual(self.fetch_all(1), {})

    def assert_named(self, text, offset):
        """One line says the topic, the partition and the offset of the damage."""
        self.assertRegex(text, rf"{TOPIC}/0\b.*\boffsets? {offset}\b")

    def assert_writable(self):
        with wire.Connection(self.server.port) as connection:
            produced = connection.produce(TOPIC, {0: wire.batch([b"after the damage"])})[0]
            self.assertEqual(produced.error, wire.NONE)
            fetched = connection.fetch(TOPIC, {0: produced.base_offset})[0]
            self.assertIn(b"after the damage", fetched.records)

    def test_an_intact_log_verifies(self):
        self.server.stop_cleanly()
        code, printed = self.verify()
        self.assertEqual(code, 0, printed)
        self.server.start()
        self.server.kill9()
        code, printed = self.verify()
        self.assertEqual(code, 0, printed)

    def test_damage_in_a_sealed_segment_costs_that_message_only(self):
        self.server.stop_cleanly()
        path = self.segments()[0]
        offset, digest = self.damage(path)
        code, printed = self.verify()
        self.assertEqual(code, EXIT_DAMAGE)
        self.assert_named(printed, offset)

        self.server.start()
        self.assert_only_these_are_lost([offset])
        self.assert_named(self.server.log_of_this_start(), offset)
        self.assert_writable()
        self.assertEqual(hashlib.sha256(path.read_bytes()).digest(), digest, "the damaged file was changed")

    def test_damage_in_acknowledged_data_is_not_taken_for_a_torn_tail(self):
        self.server.kill9()
        offset, _ = self.damage(self.segments()[-1])
        self.server.start()
        self.assert_named(self.server.log_of_this_start(), offset)
        self.assert_only_these_are_lost([offset])
        self.assert_writable()

    def test_a_known_damage_survives_restarts(self):
        self.server.kill9()
        offset, _ = self.damage(self.segments()[-1])
        for stop in (self.server.stop_cleanly, self.server.kill9):
            self.server.start()
            self.assert_writable()
            stop()
        self.server.start()
        self.assert_only_these_are_lost([offset])

    def test_a_missing_segment_costs_its_messages_only(self):
        for stop in (self.server.stop_cleanly, self.server.kill9):
            with self.subTest(stop=stop.__name__):
                stop()
                path = self.segments()[1]
                data = path.read_bytes()
                first = int(data[data.index(b"message ") + 8:][:6])
                lost = data.count(FILLER)
                moved = self.workspace.path / path.name
                path.rename(moved)
                self.server.start()
                self.assert_named(self.server.log_of_this_start(), first)
                self.assert_only_these_are_lost(range(first, first + lost))
                self.assert_writable()
                self.server.stop_cleanly()
                moved.rename(path)
                self.server.start()
                self.assert_only_these_are_lost([])

    def test_a_segment_of_zeros_costs_its_messages_only(self):
        self.server.kill9()
        path = self.segments()[1]
        data = path.read_bytes()
        first = int(data[data.index(b"message ") + 8:][:6])
        lost = data.count(FILLER)
        path.write_bytes(bytes(len(data)))
        self.server.start()
        self.assert_named(self.server.log_of_this_start(), first)
        self.assert_only_these_are_lost(range(first, first + lost))
        self.assert_writable()

    def test_a_segment_of_another_partition_is_not_taken(self):
        self.server.stop_cleanly()
        path = self.segments()[1]
        other = self.server.data_dir / "topics" / TOPIC / "1" / path.name
        data = path.read_bytes()
        first = int(data[data.index(b"message ") + 8:][:6])
        path.write_bytes(other.read_bytes())
        code, printed = self.verify()
        self.assertEqual(code, EXIT_DAMAGE, printed)
        self.server.start()
        self.assert_named(self.server.log_of_this_start(), first)
        self.assert_only_these_are_lost(range(first, first + data.count(FILLER)))

    def test_a_dump_shows_every_entry(self):
        self.server.stop_cleanly()
        printed = harness.run([harness.bin_dir() / "penstock", "log", "dump", "--json",
                               self.server.data_dir / "topics" / TOPIC / "0"])
        entries = [json.loads(line) for line in printed.splitlines()]
        self.assertGreaterEqual(len(entries), MESSAGES)


if __name__ == "__main__":
    unittest.main(verbosity=2)
