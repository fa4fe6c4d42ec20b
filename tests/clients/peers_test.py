#!/usr/bin/python3
"""Peers that vanish, or are slow, or announce more than they send; and what the metrics say of them."""

import contextlib
import socket
import struct
import unittest

import harness
import wire
from kafka import KafkaConsumer, TopicPartition
from kafka.structs import OffsetAndMetadata
from reopen_test import http, metric

TOPIC = "peers"
JOIN_GROUP = 11
MIB = 1 << 20


def reset(connection):
    """Ends a connection as the system of a peer does that has crashed and come back."""
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.socket.close()


class PeersTest(harness.ServerTestCase):
    @classmethod
    def setUpClass(cls):
        cls.failed = False
        cls.workspace = harness.Workspace(cls.__name__)
        cls.addClassCleanup(lambda: cls.workspace.close(cls.failed))
        cls.server = cls.workspace.server("--shards", "2", "--set", "server.inflight_bytes_per_shard=32MiB",
                                          "--set", "admin.lag_partitions=2")
        cls.server.start()
        with wire.Connection(cls.server.port) as connection:
            connection.create_topic(TOPIC, 4)

    def connect(self):
        connection = wire.Connection(self.server.port)
        self.addCleanup(connection.socket.close)
        return connection

    def waiting(self):
        return metric(self.server, "penstock_waiting_requests")

    def wait_for_waiting(self, count):
        harness.wait_until(lambda: self.waiting() == count, 10, f"{count} requests to wait")

    def start_fetch(self, connection):
        end = connection.list_offset(TOPIC, 0, wire.LATEST).offset
        connection.send(wire.frame(wire.header(wire.FETCH, 4) +
                                   wire.fetch_body(TOPIC, {0: end}, max_wait_ms=600_000)))

    def start_join(self, connection, group):
        # The second member of a group waits for the first one to join again.
        body = (wire.string(group) + struct.pack(">ii", 30_000, 600_000) + wire.string("") + wire.string("consumer") +
                wire.array([wire.string("range") + struct.pack(">i", 1) + b"x"]))
        connection.send(wire.frame(wire.header(JOIN_GROUP, 1) + body))

    def test_fetches_that_wait_end_with_their_connections(self):
        for end in (reset, lambda connection: connection.socket.close()):
            connections = [self.connect() for _ in range(20)]
            for connection in connections:
                self.start_fetch(connection)
            self.wait_for_waiting(20)
            for connection in connections:
                end(connection)
            self.wait_for_waiting(0)

    def test_joins_that_wait_end_with_their_connections_on_whatever_shard(self):
        groups = [f"group-{i}" for i in range(8)]
        for group in groups:
            leader = self.connect()
            self.start_join(leader, group)
            leader.receive()
        joining = [self.connect() for _ in groups]
        for connection, group in zip(joining, groups):
            self.start_join(connection, group)
        self.wait_for_waiting(len(groups))
        for i, connection in enumerate(joining):
            reset(connection) if i % 2 else connection.socket.close()
        self.wait_for_waiting(0)

    def test_a_client_that_ends_its_side_is_answered_without_further_waiting(self):
        connection = self.connect()
        self.start_fetch(connection)
        self.wait_for_waiting(1)
        connection.socket.shutdown(socket.SHUT_WR)
        connection.receive()
        self.assertTrue(connection.is_closed_by_server())

    def test_a_fetch_too_many_does_not_wait(self):
        connection = self.connect()
        for _ in range(20):
            self.start_fetch_again(connection)
        self.wait_for_waiting(16)
        self.assertGreaterEqual(metric(self.server, "penstock_refused_waits_total"), 4)
        connection.socket.close()
        self.wait_for_waiting(0)

    def start_fetch_again(self, connection):
        connection.send(wire.frame(wire.header(wire.FETCH, 4) +
                                   wire.fetch_body(TOPIC, {1: 0}, max_wait_ms=600_000)))

    def test_announcing_takes_no_memory_from_those_who_send(self):
        with contextlib.ExitStack() as stack:
            slow = [stack.enter_context(wire.Connection(self.server.port)) for _ in range(100)]
            for connection in slow:
                connection.send(struct.pack(">i", 100 * MIB) + bytes(70_000))
            good = self.connect()
            batch = wire.batch([b"x" * 500_000])
            for _ in range(20):
                self.assertEqual(good.produce(TOPIC, {2: batch})[2].error, wire.NONE)
                for connection in slow:
                    connection.send(b"x")
            self.assertLessEqual(metric(self.server, "penstock_request_bytes"), 40 * MIB)
        harness.wait_until(lambda: metric(self.server, "penstock_request_bytes") == 0, 10, "the memory to be free")

    def test_slow_ones_hold_up_no_small_requests_and_are_thrown_out_when_their_memory_is_needed(self):
        closed = metric(self.server, "penstock_connections_closed_as_slow_total")
        with contextlib.ExitStack() as stack:
            slow = [stack.enter_context(wire.Connection(self.server.port)) for _ in range(40)]
            for connection in slow:
                connection.send(struct.pack(">i", 100 * MIB))
                connection.socket.setblocking(False)

            def memory_is_used_up():
                for connection in slow:
                    with contextlib.suppress(BlockingIOError):
                        connection.socket.send(bytes(MIB))
                return metric(self.server, "penstock_request_bytes") > 50 * MIB

            harness.wait_until(memory_is_used_up, 10, "the memory to be used up")
            good = [self.connect() for _ in range(8)]  # some on each shard
            for connection in good:
                produced = connection.produce(TOPIC, {3: wire.batch([b"x" * 100_000])})[3]
                self.assertEqual(produced.error, wire.NONE)
            harness.wait_until(lambda: metric(self.server, "penstock_connections_closed_as_slow_total") > closed, 30,
                               "a slow one to be thrown out")

    def test_the_lag_of_groups_is_told_and_bounded(self):
        producer = self.connect()
        for partition in range(4):
            producer.produce(TOPIC, {partition: wire.batch([b"a", b"b", b"c"])})
        for group, count in (("lag-a", 3), ("lag-b", 1)):
            consumer = KafkaConsumer(bootstrap_servers=self.server.address, group_id=group,
                                     enable_auto_commit=False)
            self.addCleanup(consumer.close)
            partitions = [TopicPartition(TOPIC, i) for i in range(count)]
            consumer.assign(partitions)
            ends = consumer.end_offsets(partitions)
            consumer.commit({partition: OffsetAndMetadata(ends[partition] - 2, "") for partition in partitions})
        _, text = http(self.server, "/metrics")
        lines = [line for line in text.splitlines() if line.startswith("penstock_group_lag{")]
        self.assertEqual(len(lines), 2, text)
        for line in lines:
            self.assertRegex(line, rf'^penstock_group_lag\{{group="lag-.",topic="{TOPIC}",partition="\d"\}} 2$')
        self.assertEqual(metric(self.server, "penstock_group_lag_left_out"), 2)

    def test_a_server_that_has_started_says_so_and_what_it_took(self):
        status, text = http(self.server, "/startupz")
        self.assertEqual(status, 200)
        self.assertRegex(text, r"^recovered \d+ of \d+ partitions\nopened \d+ bytes, of which \d+ had to be scanned\n$")

    def test_every_stage_of_a_commit_is_measured(self):
        self.connect().produce(TOPIC, {0: wire.batch([b"x"])})
        _, text = http(self.server, "/metrics")
        for stage in ("queue", "device", "ack"):
            counts = [int(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                      if line.startswith("penstock_stage_seconds_count") and f'stage="{stage}"' in line]
            self.assertGreaterEqual(sum(counts), 1, stage)


if __name__ == "__main__":
    unittest.main(verbosity=2)
