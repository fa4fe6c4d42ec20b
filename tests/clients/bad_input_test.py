#!/usr/bin/python3
"""Input that no client should send: it costs its own connection at most, and one line in the log."""

import random
import socket
import struct
import time
import unittest

import harness
import wire

TOPIC = "bad-input"
MAX_FRAME_BYTES = 104_857_600  # Kafka's default for socket.request.max.bytes


class BadInputTest(harness.ServerTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with wire.Connection(cls.server.port) as connection:
            assert connection.create_topic(TOPIC, 2) == wire.NONE

    def setUp(self):
        super().setUp()
        # A client that has done nothing wrong, connected before the test and asked again after it.
        self.bystander = self.connect()
        self.bystander.api_versions()
        self.log_mark = self.server.log_mark()

    def tearDown(self):
        super().tearDown()
        offset = self.bystander.produce(TOPIC, {1: wire.batch([b"still here"])})[1].base_offset
        fetched = self.bystander.fetch(TOPIC, {1: offset})[1]
        self.assertIn(b"still here", fetched.records)
        # A shard writes at most 20 such lines a second; the next test counts on its own.
        if len(self.server.log_since(self.log_mark).splitlines()) > 2:
            time.sleep(1)

    def connect(self):
        connection = wire.Connection(self.server.port)
        self.addCleanup(connection.socket.close)
        return connection

    def lines_about(self, connection):
        return [line for line in self.server.log_since(self.log_mark).splitlines()
                if f"127.0.0.1:{connection.local_port}" in line]

    def assert_closed_with_one_line(self, connection):
        self.assertTrue(connection.is_closed_by_server(), "the connection is still open")
        harness.wait_until(lambda: self.lines_about(connection), 5,
                           f"a log line that names the peer 127.0.0.1:{connection.local_port}")
        time.sleep(0.1)
        self.assertEqual(len(self.lines_about(connection)), 1, self.lines_about(connection))

    def assert_is_alive(self, connection):
        self.assertIn(wire.PRODUCE, connection.api_versions())

    # Frames.

    def test_a_frame_of_impossible_size_closes_the_connection(self):
        for size in (-1, -2**31, 0, 1, 7, MAX_FRAME_BYTES + 1, 2**31 - 1):
            with self.subTest(size=size):
                connection = self.connect()
                connection.send(struct.pack(">i", size) + b"\0" * 7)
                self.assert_closed_with_one_line(connection)

    def test_the_limit_on_frames_holds_before_their_bytes_have_come(self):
        connection = self.connect()
        connection.send(struct.pack(">i", MAX_FRAME_BYTES + 1))
        self.assert_closed_with_one_line(connection)

    def test_another_protocol_closes_the_connection(self):
        for name, data in {
            "HTTP": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "TLS": bytes.fromhex("16030100c8010000c40303") + bytes(range(200)),
            "SSH": b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n",
        }.items():
            with self.subTest(protocol=name):
                connection = self.connect()
                connection.send(data)
                self.assert_closed_with_one_line(connection)

    def test_random_bytes_close_the_connection(self):
        for seed in range(20):
            with self.subTest(seed=seed):
                connection = self.connect()
                # A plausible size, so that the garbage is taken for a request.
                connection.send(wire.frame(random.Random(seed).randbytes(200)))
                self.assert_closed_with_one_line(connection)

    def test_a_request_that_ends_in_the_middle_of_its_fields_closes_the_connection(self):
        whole = wire.header(wire.PRODUCE, 7) + wire.produce_body(TOPIC, {0: wire.batch([b"x"])})
        for length in [8, 9, 13, 20, 30, 40, len(whole) - 1]:
            with self.subTest(length=length):
                connection = self.connect()
                connection.send(wire.frame(whole[:length]))
                self.assert_closed_with_one_line(connection)

    def test_a_request_with_bytes_left_over_does_no_harm(self):
        # Kafka ignores them; closing would do as well. What may not happen is an answer to something else.
        connection = self.connect()
        connection.send(wire.frame(wire.header(wire.API_VERSIONS, 0, 5) + b"left over"))
        try:
            self.assertEqual(connection.receive()[0], 5)
        except wire.ConnectionClosed:
            pass

    def test_an_array_longer_than_its_frame_closes_the_connection(self):
        for count in (2**31 - 1, 100_000_000, -5):
            with self.subTest(count=count):
                connection = self.connect()
                connection.send(wire.frame(wire.header(wire.METADATA, 4) + struct.pack(">i", count)))
                self.assert_closed_with_one_line(connection)

    def test_a_string_longer_than_its_frame_closes_the_connection(self):
        connection = self.connect()
        connection.send(wire.frame(wire.header(wire.METADATA, 4) + struct.pack(">ih", 1, 32_000) + b"short"))
        self.assert_closed_with_one_line(connection)

    def test_a_client_id_longer_than_its_frame_closes_the_connection(self):
        connection = self.connect()
        connection.send(wire.frame(struct.pack(">hhih", wire.METADATA, 4, 1, 30_000) + b"x"))
        self.assert_closed_with_one_line(connection)

    # Requests that are not served.

    def test_an_unknown_api_key_closes_the_connection(self):
        for key in (-1, 999, 32_767):
            with self.subTest(key=key):
                connection = self.connect()
                connection.send(wire.frame(wire.header(key, 0)))
                self.assert_closed_with_one_line(connection)

    def test_an_unknown_version_closes_the_connection(self):
        for key, version in [(wire.METADATA, 99), (wire.METADATA, -1), (wire.FETCH, 3), (wire.CREATE_TOPICS, 1)]:
            with self.subTest(key=key, version=version):
                connection = self.connect()
                connection.send(wire.frame(wire.header(key, version) + b"\0" * 64))
                self.assert_closed_with_one_line(connection)

    def test_a_newer_api_versions_request_is_answered_in_version_0_and_the_connection_lives(self):
        for version in (9, 32_767):
            with self.subTest(version=version):
                connection = self.connect()
                connection.send(wire.frame(wire.header(wire.API_VERSIONS, version, 77) + b"\0\0\0"))
                correlation_id, answer = connection.receive()
                reader = wire.Reader(answer)
                self.assertEqual((correlation_id, reader.take("h")), (77, wire.UNSUPPORTED_VERSION))
                ranges = {key: (low, high) for key, low, high in reader.array(lambda: reader.take("hhh"))}
                reader.done()
                self.assertEqual(ranges[wire.API_VERSIONS], (0, 3))
                self.assert_is_alive(connection)

    # Slow and half-open clients.

    def test_a_request_that_comes_a_byte_at_a_time_is_answered(self):
        connection = self.connect()
        for byte in wire.frame(wire.header(wire.API_VERSIONS, 0, 3)):
            connection.send(bytes([byte]))
            time.sleep(0.005)
        self.assertEqual(connection.receive()[0], 3)

    def test_requests_that_come_in_one_packet_are_answered_in_order(self):
        connection = self.connect()
        connection.send(b"".join(
            wire.frame(wire.header(wire.PRODUCE, 7, 3 * i) + wire.produce_body(TOPIC, {0: wire.batch([b"x"])})) +
            wire.frame(wire.header(wire.FETCH, 4, 3 * i + 1) + wire.fetch_body(TOPIC, {0: 0})) +
            wire.frame(wire.header(wire.API_VERSIONS, 0, 3 * i + 2)) for i in range(50)))
        self.assertEqual([connection.receive()[0] for _ in range(150)], list(range(150)))

    def test_a_connection_that_sends_nothing_hinders_nobody(self):
        idle = [self.connect() for _ in range(100)]
        half_sent = [self.connect() for _ in range(50)]
        for connection in half_sent:
            connection.send(struct.pack(">i", 1000) + b"\0\x03")
        self.assert_is_alive(self.connect())
        self.assert_is_alive(idle[0])
        for connection in half_sent:
            connection.socket.close()
        self.assert_is_alive(self.connect())

    def test_a_client_that_half_closes_still_gets_its_answer(self):
        connection = self.connect()
        connection.send(wire.frame(wire.header(wire.API_VERSIONS, 0, 8)))
        connection.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(connection.receive()[0], 8)
        self.assertTrue(connection.is_closed_by_server())

    def test_a_client_that_resets_its_connection_while_waiting_is_forgotten(self):
        for _ in range(20):
            connection = self.connect()
            at_end = connection.list_offset(TOPIC, 0, wire.LATEST).offset
            connection.send(wire.frame(wire.header(wire.FETCH, 4) +
                                       wire.fetch_body(TOPIC, {0: at_end}, max_wait_ms=30_000)))
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.socket.close()

    def test_a_client_that_never_reads_its_answers_hinders_nobody(self):
        big = wire.batch([b"z" * 500_000])
        for _ in range(4):
            self.assertEqual(self.bystander.produce(TOPIC, {0: big})[0].error, wire.NONE)
        deaf = self.connect()
        deaf.socket.settimeout(2)
        request = wire.frame(wire.header(wire.FETCH, 4) + wire.fetch_body(TOPIC, {0: 0}, max_bytes=1 << 22))
        try:
            for _ in range(20_000):
                deaf.send(request)
        except TimeoutError:
            pass  # the server has stopped reading this socket, which is right
        self.assert_is_alive(self.connect())

    # Record batches.

    def produce(self, data, acks=-1):
        connection = self.connect()
        before = connection.list_offset(TOPIC, 0, wire.LATEST).offset
        produced = connection.produce(TOPIC, {0: data}, acks)[0]
        after = connection.list_offset(TOPIC, 0, wire.LATEST).offset
        if produced.error != wire.NONE:
            self.assertEqual((produced.base_offset, after), (-1, before), "a refused batch left a trace")
        return produced.error

    def test_a_right_batch_is_taken(self):
        self.assertEqual(self.produce(wire.batch([b"a", b"b"])), wire.NONE)

    def test_a_wrong_checksum_is_corrupt(self):
        self.assertEqual(self.produce(wire.batch([b"a"], crc=0x12345678)), wire.CORRUPT_MESSAGE)

    def test_one_changed_bit_anywhere_below_the_checksum_is_corrupt(self):
        good = wire.batch([b"some value", b"another"])
        for at in range(17, len(good)):
            changed = bytearray(good)
            changed[at] ^= 0x10
            with self.subTest(at=at):
                self.assertEqual(self.produce(bytes(changed)), wire.CORRUPT_MESSAGE)

    def test_other_message_formats_are_invalid(self):
        for magic in (0, 1, 3, -1):
            with self.subTest(magic=magic):
                self.assertEqual(self.produce(wire.batch([b"a"], magic=magic)), wire.INVALID_RECORD)

    def test_two_batches_for_one_partition_are_invalid(self):
        self.assertEqual(self.produce(wire.batch([b"a"]) + wire.batch([b"b"])), wire.INVALID_RECORD)

    def test_no_batch_is_invalid(self):
        for data in (b"", None):
            with self.subTest(data=data):
                self.assertEqual(self.produce(data), wire.INVALID_RECORD)

    def test_a_base_offset_other_than_0_is_invalid(self):
        self.assertEqual(self.produce(wire.batch([b"a"], base_offset=5)), wire.INVALID_RECORD)

    def test_counts_that_contradict_each_other_are_invalid(self):
        for numbers in ({"record_count": 2}, {"last_offset_delta": 5}, {"record_count": 0},
                        {"record_count": -1, "last_offset_delta": -2}, {"last_offset_delta": -1}):
            with self.subTest(**numbers):
                self.assertEqual(self.produce(wire.batch([b"a"], **numbers)), wire.INVALID_RECORD)

    def test_a_control_batch_from_a_producer_is_invalid(self):
        self.assertEqual(self.produce(wire.batch([b"a"], attributes=1 << 5)), wire.INVALID_RECORD)

    def test_a_batch_shorter_than_its_header_or_than_it_says_is_refused(self):
        good = wire.batch([b"a"])
        for length in (1, 11, 12, 16, 17, 60, len(good) - 1):
            with self.subTest(length=length):
                self.assertIn(self.produce(good[:length]), (wire.CORRUPT_MESSAGE, wire.INVALID_RECORD))

    def test_a_batch_that_claims_a_wrong_length_is_refused(self):
        good = wire.batch([b"a"])
        for claimed in (-1, 0, 1, 48, len(good) - 12 - 1, len(good) - 12 + 1, 2**31 - 1):
            with self.subTest(claimed=claimed):
                changed = good[:8] + struct.pack(">i", claimed) + good[12:]
                self.assertIn(self.produce(changed), (wire.CORRUPT_MESSAGE, wire.INVALID_RECORD))

    def test_other_acks_than_0_1_and_all_are_refused(self):
        for acks in (2, -2, 32_767):
            with self.subTest(acks=acks):
                self.assertEqual(self.produce(wire.batch([b"a"]), acks), wire.INVALID_REQUIRED_ACKS)

    def test_a_bad_batch_does_not_hinder_the_good_one_beside_it(self):
        produced = self.connect().produce(TOPIC, {0: wire.batch([b"a"], crc=1), 1: wire.batch([b"b"])})
        self.assertEqual((produced[0].error, produced[1].error), (wire.CORRUPT_MESSAGE, wire.NONE))

    def test_without_acks_a_good_batch_has_no_answer_and_a_bad_one_closes_the_connection(self):
        connection = self.connect()
        before = connection.list_offset(TOPIC, 0, wire.LATEST).offset
        connection.send(wire.frame(wire.header(wire.PRODUCE, 7) +
                                   wire.produce_body(TOPIC, {0: wire.batch([b"a"])}, acks=0)))
        # The next answer on the connection is that of the next request.
        harness.wait_until(lambda: connection.list_offset(TOPIC, 0, wire.LATEST).offset == before + 1, 5,
                           "the message that was sent with acks=0")
        connection.send(wire.frame(wire.header(wire.PRODUCE, 7) +
                                   wire.produce_body(TOPIC, {0: wire.batch([b"a"], crc=1)}, acks=0)))
        self.assert_closed_with_one_line(connection)


if __name__ == "__main__":
    unittest.main(verbosity=2)
