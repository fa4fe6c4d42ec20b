#!/usr/bin/python3
"""Disk full, and file systems without direct I/O: each on a small mount of its own.

Needs root and loop devices; skipped, with the reason, where they are not to be had.
"""

import contextlib
import os
import subprocess
import unittest

import harness
import mounts
import wire

TOPIC = "filling"
VALUE = os.urandom(100_000)
EXIT_FAILED, EXIT_FOUND_WRONG = 1, 3


def skip_without_loop_devices():
    with harness.Workspace("mount_trial") as workspace:
        if (reason := mounts.why_not_mountable(workspace, "ext4")) is not None:
            harness.skip(reason)


class FileSystemTest(harness.WorkspaceTestCase):
    def mount(self, kind, **options):
        return self.enterContext(mounts.mounted(self.workspace, kind, **options))


class DiskFullTest(FileSystemTest):
    def setUp(self):
        super().setUp()
        self.disk = self.mount("ext4")
        self.server = self.workspace.server("--shards", 2, "--set", "storage.segment_bytes=4MiB", data_dir=self.disk / "data")
        self.server.start()
        self.connection = wire.Connection(self.server.port, timeout_s=60)
        self.addCleanup(self.connection.socket.close)
        self.assertEqual(self.connection.create_topic(TOPIC, 2), wire.NONE)
        self.batch = wire.batch([VALUE])
        self.acknowledged = []  # (partition, offset)

    def produce(self, partition=0):
        """The error code of one message more."""
        produced = self.connection.produce(TOPIC, {partition: self.batch})[partition]
        if produced.error == wire.NONE:
            self.acknowledged.append((partition, produced.base_offset))
        return produced.error

    def fill(self):
        """Produces until neither partition takes anything; every refusal has to be the right one."""
        refusals = 0
        for turn in range(2_000):
            error = self.produce(turn % 2)
            self.assertIn(error, (wire.NONE, wire.KAFKA_STORAGE_ERROR))
            refusals = refusals + 1 if error != wire.NONE else 0
            if refusals == 10:
                return
        self.fail("200 MB were acknowledged on a disk of 64 MiB")

    def assert_all_acknowledged_are_there(self):
        for partition in (0, 1):
            offsets = [offset for where, offset in self.acknowledged if where == partition]
            self.assertEqual(offsets, sorted(set(offsets)))
        for partition, offset in self.acknowledged:
            fetched = self.connection.fetch(TOPIC, {partition: offset}, max_bytes=1)[partition]
            self.assertEqual(fetched.error, wire.NONE)
            self.assertIn(VALUE, fetched.records, f"partition {partition} offset {offset}")

    def assert_writing_resumes(self, within_s=30):
        """In both partitions, which are on different shards where there are two."""
        for partition in (0, 1):
            def resumed():
                self.server.assert_runs()
                error = self.produce(partition)
                self.assertIn(error, (wire.NONE, wire.KAFKA_STORAGE_ERROR))
                return error == wire.NONE

            harness.wait_until(resumed, within_s, f"writing to partition {partition}, now that there is space",
                               poll_s=0.2)

    def fill_with_a_file(self, leave_bytes=0):
        """Takes the disk's space by a file that is none of the server's."""
        free = os.statvfs(self.disk)
        return self.make_file("filler", free.f_bavail * free.f_frsize - leave_bytes)

    def make_file(self, name, size_bytes):
        path = self.disk / name
        with open(path, "wb") as file:
            with contextlib.suppress(OSError):
                os.posix_fallocate(file.fileno(), 0, size_bytes)
        return path

    def test_a_full_disk_refuses_producers_and_serves_consumers(self):
        self.fill()
        self.assertGreater(len(self.acknowledged), 50, "the disk should hold more than this")
        for _ in range(5):
            self.assertEqual(self.produce(), wire.KAFKA_STORAGE_ERROR)
        self.assert_all_acknowledged_are_there()
        self.assertRegex(self.server.log_since(0), r"(?i)\b(warning|warn|error)\b.*no space")

    def test_writing_resumes_without_restart_when_a_foreign_file_is_removed(self):
        filler = self.fill_with_a_file(leave_bytes=16 << 20)
        self.fill()
        filler.unlink()
        self.assert_writing_resumes()
        self.assert_all_acknowledged_are_there()

    def test_writing_resumes_without_restart_when_a_topic_is_deleted(self):
        self.assertEqual(self.connection.create_topic("victim", 1), wire.NONE)
        for _ in range(200):
            self.assertEqual(self.connection.produce("victim", {0: self.batch})[0].error, wire.NONE)
        self.fill()
        self.assertEqual(self.connection.delete_topic("victim"), wire.NONE)
        self.assert_writing_resumes()
        self.assert_all_acknowledged_are_there()

    def test_a_server_on_a_full_disk_stops_cleanly_and_starts_again_with_all_its_data(self):
        spares = [self.make_file(name, 4 << 20) for name in ("spare", "another spare")]
        for how, spare in zip((self.server.stop_cleanly, self.server.kill9), spares):
            with self.subTest(how=how.__name__):
                self.fill()
                self.fill_with_a_file()  # the rest, which is less than a segment
                self.connection.socket.close()
                how()
                spare.unlink()
                self.server.start()
                self.connection = wire.Connection(self.server.port, timeout_s=60)
                self.addCleanup(self.connection.socket.close)
                self.assert_all_acknowledged_are_there()

    def test_a_server_is_told_to_make_room_where_there_is_none_to_start_in(self):
        self.server.kill9()
        self.fill_with_a_file()
        self.make_file("rest", 1 << 20)
        code, printed = self.server.run_to_exit()
        self.assertEqual(code, 1)
        self.assertRegex(printed, "(?i)make room")


class OtherFileSystemsTest(FileSystemTest):
    def test_tmpfs_runs_in_the_best_mode_that_works_and_says_which_and_why(self):
        server = self.workspace.server(data_dir=self.mount("tmpfs", size_mib=128) / "data")
        server.start()
        self.assertRegex(server.log_of_this_start(), r"(?i)\b(buffered|uncached)\b.*tmpfs|tmpfs.*\b(buffered|uncached)\b")
        with wire.Connection(server.port) as connection:
            self.assertEqual(connection.create_topic(TOPIC, 1), wire.NONE)
            self.assertEqual(connection.produce(TOPIC, {0: wire.batch([b"x"])})[0].error, wire.NONE)
            self.assertIn(b"x", connection.fetch(TOPIC, {0: 0})[0].records)
        server.stop_cleanly()

    def test_tmpfs_is_refused_when_direct_io_is_demanded(self):
        server = self.workspace.server("--io", "direct", data_dir=self.mount("tmpfs") / "data")
        code, printed = server.run_to_exit()
        self.assertEqual(code, EXIT_FAILED)
        self.assertRegex(printed, r"(?i)direct.*tmpfs|tmpfs.*direct")
        self.assertNotRegex(printed, harness.Server.READY)

    def test_doctor_says_the_mode_and_what_is_wrong(self):
        for kind, code, mode in [("ext4", 0, "direct"), ("tmpfs", EXIT_FOUND_WRONG, "buffered|uncached")]:
            with self.subTest(kind=kind):
                path = self.mount(kind, size_mib=2048)
                done = subprocess.run([harness.bin_dir() / "penstock", "doctor", path], capture_output=True, text=True)
                self.assertEqual(done.returncode, code, done.stdout + done.stderr)
                self.assertRegex(done.stdout, rf"(?m)^file system .*{kind}")
                self.assertRegex(done.stdout, rf"(?m)^I/O mode .*\b({mode})\b")


if __name__ == "__main__":
    if (reason := mounts.why_no_mounts()) is not None:
        harness.skip(reason)
    mounts.enter_mount_namespace()
    skip_without_loop_devices()
    unittest.main(verbosity=2)
