#!/usr/bin/python3
"""A partition that a failed write has fenced: told by the metrics, reopened without a restart.

The device error is real: a limit on file sizes, set while the server runs (prlimit), makes the kernel refuse
writes behind it, in the middle of a segment.
"""

import re
import resource
import subprocess
import unittest
import urllib.error
import urllib.request

import harness
import wire

TOPIC = "fenced"
VALUE = b"x" * 50_000


def http(server, path, method="GET"):
    """(status, body)"""
    request = urllib.request.Request(f"http://{server.admin_address}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def metric(server, name, **labels):
    """The sum of a metric's samples that have these labels."""
    status, text = http(server, "/metrics")
    assert status == 200, text
    total, found = 0.0, False
    for line in text.splitlines():
        sample = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
        if not sample or sample[1] != name:
            continue
        has = dict(re.findall(r'(\w+)="([^"]*)"', sample[2] or ""))
        if all(has.get(label) == value for label, value in labels.items()):
            total, found = total + float(sample[3]), True
    assert found, f"there is no sample {name} {labels}"
    return total


class ReopenTest(harness.WorkspaceTestCase):
    def setUp(self):
        super().setUp()
        self.server = self.workspace.server("--shards", "2")
        self.server.start()
        self.connection = wire.Connection(self.server.port)
        self.addCleanup(self.connection.socket.close)
        self.assertEqual(self.connection.create_topic(TOPIC, 2), wire.NONE)
        for _ in range(3):
            for partition in (0, 1):
                self.assertEqual(self.produce(partition).error, wire.NONE)

    def produce(self, partition):
        return self.connection.produce(TOPIC, {partition: wire.batch([VALUE])})[partition]

    def set_file_size_limit(self, limit_bytes):
        resource.prlimit(self.server.process.pid, resource.RLIMIT_FSIZE,
                         (limit_bytes, resource.RLIM_INFINITY))

    def fence(self):
        """Partition 0, and only that: returns the offset behind what was acknowledged."""
        self.set_file_size_limit(64 << 10)
        self.assertNotEqual(self.produce(0).error, wire.NONE)
        self.assertEqual(self.produce(0).error, wire.KAFKA_STORAGE_ERROR)

    def penstock(self, *words):
        done = subprocess.run([harness.bin_dir() / "penstock", *map(str, words)], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def reopen(self, *words):
        return self.penstock("topic", "reopen", *words, "--admin", self.server.admin_address)

    def assert_served(self, partition, count):
        for offset in range(count):
            fetched = self.connection.fetch(TOPIC, {partition: offset}, max_bytes=1)[partition]
            self.assertEqual(fetched.error, wire.NONE, f"offset {offset}")
            self.assertIn(VALUE, fetched.records)

    def test_a_server_that_runs_is_alive_ready_and_measured(self):
        self.assertEqual(http(self.server, "/livez"), (200, "alive\n"))
        self.assertEqual(http(self.server, "/readyz"), (200, "ready\n"))
        self.assertEqual(metric(self.server, "penstock_partitions", state="open"), 2)
        self.assertEqual(metric(self.server, "penstock_appends_total"), 6)
        self.assertGreaterEqual(metric(self.server, "penstock_payload_bytes_total"), 6 * len(VALUE))
        self.assertEqual(metric(self.server, "penstock_requests_total", api="Produce"), 6)

    def test_a_fenced_partition_is_reopened_without_a_restart(self):
        self.fence()
        self.assertEqual(metric(self.server, "penstock_partitions", state="fenced"), 1)
        self.assertGreaterEqual(metric(self.server, "penstock_failed_commits_total"), 1)
        self.assertGreaterEqual(metric(self.server, "penstock_request_errors_total", api="Produce", **{"class": "storage"}), 1)
        self.assert_served(0, 3)
        self.assertRegex(self.server.log_of_this_start(), rf"penstock topic reopen {TOPIC} 0")

        self.set_file_size_limit(resource.RLIM_INFINITY)
        self.assertEqual(self.produce(0).error, wire.KAFKA_STORAGE_ERROR, "it stays fenced until it is reopened")
        code, printed = self.reopen(TOPIC, 0)
        self.assertEqual(code, 0, printed)
        self.assertRegex(printed, rf"{TOPIC}/0: goes on at offset \d+")
        self.assertEqual(metric(self.server, "penstock_partitions", state="fenced"), 0)
        self.assertEqual(metric(self.server, "penstock_reopened_partitions_total"), 1)
        produced = self.produce(0)
        self.assertEqual(produced.error, wire.NONE)
        self.assert_served(0, produced.base_offset + 1)
        self.assert_served(1, 3)

        self.server.kill9()
        self.server.start()
        self.connection.socket.close()
        self.connection = wire.Connection(self.server.port)
        self.assert_served(0, produced.base_offset + 1)

    def test_a_reopening_that_fails_is_told_and_can_be_tried_again(self):
        self.fence()
        self.set_file_size_limit(0)
        code, printed = self.reopen(TOPIC)
        self.assertEqual(code, 1, printed)
        self.assertIn(f"{TOPIC}/0: ", printed)
        self.assertEqual(metric(self.server, "penstock_partitions", state="failed"), 1)
        self.set_file_size_limit(resource.RLIM_INFINITY)
        code, printed = self.reopen(TOPIC)
        self.assertEqual(code, 0, printed)
        self.assertEqual(self.produce(0).error, wire.NONE)
        self.assert_served(0, 3)

    def test_what_needs_no_reopening_is_refused(self):
        for words, reason in [((TOPIC, 0), "takes appends"), ((TOPIC,), "take appends"), ((TOPIC, 9), "no partition 9"),
                              (("nothing",), "no topic nothing")]:
            code, printed = self.reopen(*words)
            self.assertEqual(code, 1, printed)
            self.assertIn(reason, printed)

    def test_a_broker_is_not_an_admin_port(self):
        code, printed = self.penstock("topic", "reopen", TOPIC, "--admin", self.server.address, "--timeout", 5)
        self.assertEqual(code, 1, printed)
        self.assertIn(self.server.address, printed)

    def test_purge_deletes_all_records_and_keeps_the_topic(self):
        code, printed = self.penstock("topic", "purge", TOPIC, "--brokers", self.server.address)
        self.assertEqual(code, 0, printed)
        for partition in (0, 1):
            self.assertIn(f"partition {partition} starts at offset 3", printed)
            self.assertEqual(self.connection.list_offset(TOPIC, partition, wire.EARLIEST).offset, 3)
            self.assertEqual(self.produce(partition).base_offset, 3)
        self.assertEqual(metric(self.server, "penstock_segments_deleted_total"), 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
