#!/usr/bin/python3
"""`penstock produce` and `penstock consume` against a real server, and with unmodified clients at the other end:
kcat and python3-kafka write what the one reads and read what the other writes, with every codec, and share consumer
groups with it."""

import json
import os
import signal
import subprocess
import threading
import time
import unittest

import harness
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.partitioner.default import murmur2

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
PARTITIONS = 4


def lines(count, start=0):
    return [f"message {i} {'x' * (i % 97)}" for i in range(start, start + count)]


def text(messages):
    return "".join(message + "\n" for message in messages).encode()


class TerminalTest(harness.ServerTestCase):
    """Every test uses a topic and a group of its own."""

    @classmethod
    def setUpClass(cls):
        cls.failed = False
        cls.workspace = harness.Workspace(cls.__name__)
        cls.addClassCleanup(lambda: cls.workspace.close(cls.failed))
        cls.server = cls.workspace.server("--shards", 2, "--set", "groups.initial_rebalance_delay=100ms")
        cls.server.start()

    def setUp(self):
        super().setUp()
        self.name = self.id().rsplit(".", 1)[1]

    def command(self, verb, *words):
        return harness.dying_with_parent([harness.bin_dir() / "penstock", verb, *words, "--brokers",
                                          self.server.address])

    def penstock(self, verb, *words, stdin=b"", code=0, timeout_s=60):
        """Runs it to its end and returns (standard output, standard error) as text."""
        done = subprocess.run(self.command(verb, *words), input=stdin, capture_output=True, timeout=timeout_s)
        self.assertEqual(done.returncode, code, done.stderr.decode())
        return done.stdout.decode(), done.stderr.decode()

    def start(self, verb, *words, **streams):
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
        process = subprocess.Popen(self.command(verb, *words), **streams)

        def end():
            process.kill()
            process.wait()
            for stream in [process.stdin, process.stdout, process.stderr]:
                if stream:
                    stream.close()

        self.addCleanup(end)
        return process

    def end(self, process, by=signal.SIGINT, code=0, timeout_s=20):
        process.send_signal(by)
        out, err = process.communicate(timeout=timeout_s)
        self.assertEqual(process.returncode, code, err.decode())
        return out.decode(), err.decode()

    def admin(self):
        admin = KafkaAdminClient(bootstrap_servers=self.server.address)
        self.addCleanup(admin.close)
        return admin

    def create(self, partitions=1):
        self.admin().create_topics([NewTopic(self.name, partitions, 1)])

    def produce(self, messages, *words, **more):
        return self.penstock("produce", self.name, *words, stdin=text(messages), **more)

    def consume(self, *words, **more):
        return self.penstock("consume", self.name, *words, **more)[0].splitlines()

    def kcat_consume(self):
        out = harness.run(["kcat", "-C", "-q", "-b", self.server.address, "-t", self.name, "-o", "beginning", "-e",
                           "-f", "%s\n"])
        return out.decode().splitlines()

    def python_records(self):
        consumer = KafkaConsumer(self.name, bootstrap_servers=self.server.address, auto_offset_reset="earliest",
                                 consumer_timeout_ms=1000)
        self.addCleanup(consumer.close)
        return list(consumer)

    def end_offset(self):
        consumer = KafkaConsumer(bootstrap_servers=self.server.address)
        self.addCleanup(consumer.close)
        partition = TopicPartition(self.name, 0)
        return consumer.end_offsets([partition])[partition]

    # Both ways, with every codec.

    def test_every_client_reads_what_produce_writes_with_every_codec(self):
        messages = lines(5_000)
        for codec in CODECS:
            self.name = f"written-with-{codec}"
            self.create()
            out, err = self.produce(messages, "--compression", codec, "--batch-bytes", "20KiB")
            self.assertRegex(out, r"^acknowledged 5,000 messages .* in .*messages/s")
            self.assertEqual(err, "")
            self.assertEqual(self.kcat_consume(), messages)
            self.assertEqual([record.value.decode() for record in self.python_records()], messages)
            self.assertEqual(self.consume(), messages)

    def test_consume_reads_what_every_client_writes_with_every_codec(self):
        messages = lines(3_000)
        for codec in CODECS:
            self.name = f"read-with-{codec}"
            self.create()
            harness.run(["kcat", "-P", "-b", self.server.address, "-t", self.name, "-z", codec], stdin=text(messages))
            producer = KafkaProducer(bootstrap_servers=self.server.address, acks="all", linger_ms=20,
                                     compression_type=None if codec == "none" else codec)
            for message in messages:
                producer.send(self.name, message.encode())
            producer.close()
            self.assertEqual(self.consume(), messages * 2)

    def test_keys_headers_and_nulls_arrive_as_they_were_sent(self):
        self.create()
        self.penstock("produce", self.name, "--key-delimiter", ":", "--null-value", "NULL", "-H", "a=1", "-H",
                      "b=x=y", stdin=b"k:v\n:empty key\nno key\nk:NULL\nk:\n")
        records = self.python_records()
        self.assertEqual([(record.key, record.value) for record in records],
                         [(b"k", b"v"), (b"", b"empty key"), (None, b"no key"), (b"k", None), (b"k", b"")])
        self.assertEqual({tuple(record.headers) for record in records}, {(("a", b"1"), ("b", b"x=y"))})
        self.assertEqual(self.consume("--format", "%k|%K|%s|%S|%h\\n")[3:], ["k|1||-1|a=1,b=x=y", "k|1||0|a=1,b=x=y"])
        last = json.loads(self.consume("--format", "json", "--offset", "-1")[0])
        self.assertEqual((last["topic"], last["partition"], last["offset"]), (self.name, 0, 4))
        self.assertEqual((last["key"], last["value"]), ("k", ""))
        self.assertEqual(last["headers"], [{"name": "a", "value": "1"}, {"name": "b", "value": "x=y"}])

    def test_keys_go_where_the_java_client_and_python_put_them(self):
        self.create(PARTITIONS)
        keys = [f"key-{i}" for i in range(200)]
        self.produce([f"{key}\tv" for key in keys], "--key-delimiter", "\\t")
        found = {record.key.decode(): record.partition for record in self.python_records()}
        self.assertEqual(found, {key: (murmur2(key.encode()) & 0x7fffffff) % PARTITIONS for key in keys})

    def test_delimiters_may_be_anything(self):
        self.create()
        self.penstock("produce", self.name, "--delimiter", "<|>", stdin=b"one\nline<|>two<|><|>")
        self.penstock("produce", self.name, "--delimiter", "\\0", stdin=b"three\0four")
        self.assertEqual([record.value for record in self.python_records()],
                         [b"one\nline", b"two", b"", b"three", b"four"])

    def test_a_file_is_read_with_every_kind_of_acknowledgement(self):
        self.create(2)
        messages = lines(2_000)
        path = self.workspace.path / "messages"
        path.write_bytes(text(messages))
        for acks in ["all", "1", "0"]:
            self.penstock("produce", self.name, "--file", path, "--acks", acks, "--partition", "1")
        harness.wait_until(lambda: len(self.consume("--partition", "1")) == 3 * len(messages), 10, "all messages")
        self.assertEqual(self.consume("--partition", "1"), messages * 3)
        self.assertEqual(self.consume("--partition", "0"), [])
        _, err = self.penstock("produce", self.name, "--file", "/does/not/exist", code=1)
        self.assertIn("/does/not/exist", err)

    # What goes wrong.

    def test_no_server_is_said_with_its_address(self):
        for verb in ["produce", "consume"]:
            done = subprocess.run([harness.bin_dir() / "penstock", verb, "x", "--brokers", "127.0.0.1:1"], input=b"x\n",
                                  capture_output=True, timeout=30)
            self.assertEqual(done.returncode, 1)
            self.assertIn(b"127.0.0.1:1", done.stderr)
            self.assertEqual(done.stdout, b"")

    def test_what_cannot_be_is_refused_with_what_to_do(self):
        self.create()
        for verb in ["produce", "consume"]:
            _, err = self.penstock(verb, "not a name", code=1)
            self.assertIn("INVALID_TOPIC_EXCEPTION", err)
            _, err = self.penstock(verb, self.name, "--partition", "7", code=1)
            self.assertIn("partition 7", err)
        _, err = self.penstock("consume", "there-is-none", code=1)
        self.assertIn("topic list", err)
        _, err = self.penstock("consume", self.name, "--offset", "3", code=1)
        self.assertIn("no offset 3", err)

    def test_streams_that_are_closed_or_full_change_nothing_but_what_is_said(self):
        self.create()
        words = f"produce {self.name} --brokers {self.server.address}"
        program = harness.bin_dir() / "penstock"
        for line, code in ((f"echo x | {program} {words} >&- 2>&-", 0),
                           (f"{program} {words} <&-", 0),
                           (f"{program} topic describe there-is-none --brokers {self.server.address} 2>/dev/full", 1),
                           (f"{program} produce 2>&-", 2)):
            done = subprocess.run(["sh", "-c", line], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
            self.assertEqual(done.returncode, code, line)
        self.assertEqual(self.consume(), ["x"])

    def test_empty_input_is_no_error(self):
        self.create()
        out, _ = self.penstock("produce", self.name)
        self.assertEqual(out, "no messages: there was no input\n")
        self.assertEqual(self.consume(), [])

    def test_a_message_above_the_topics_limit_is_named_and_smaller_ones_in_its_batch_arrive(self):
        self.create()
        small = lines(100)
        _, err = self.produce([*small, "y" * 2_000_000, "behind it"], "--batch-bytes", "8MiB", code=1)
        self.assertRegex(err, r"message 101 was not sent: .*MESSAGE_TOO_LARGE")
        self.assertIn("max.message.bytes", err)
        self.assertRegex(err, r"100 of 102 messages .* were acknowledged; message 101 is the first that was not")
        self.assertEqual(self.consume(), small)

    def test_a_reader_that_has_seen_enough_ends_it_quietly(self):
        self.create()
        self.produce(lines(20_000))
        for words in [[], ["--group", self.name]]:
            process = self.start("consume", self.name, *words)
            self.assertEqual(process.stdout.readline(), b"message 0 \n")
            process.stdout.close()
            self.assertEqual(process.wait(20), 1)
            self.assertEqual(process.stderr.read(), b"")

    # Signals.

    def test_ctrl_c_sends_what_was_read(self):
        self.create()
        process = self.start("produce", self.name, "--linger", "1h")
        process.stdin.write(text(lines(10)))
        process.stdin.flush()
        time.sleep(0.5)
        self.assertEqual(self.consume(), [])
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(20), 0)
        self.assertIn(b"acknowledged 10 messages", process.stdout.read())
        self.assertEqual(self.consume(), lines(10))

    def test_a_second_ctrl_c_drops_what_nobody_takes_and_says_so(self):
        self.create()
        process = self.start("produce", self.name)
        process.stdin.write(text(lines(10)))
        process.stdin.flush()
        harness.wait_until(lambda: len(self.consume()) == 10, 10, "10 messages")
        self.server.process.send_signal(signal.SIGSTOP)
        try:
            process.stdin.write(text(lines(5, 10)))
            process.stdin.flush()
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            self.assertIn(b"sending the last 5 messages", process.stderr.readline())
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(20), 130)
            self.assertIn(b"10 of 15 messages", process.stderr.read())
        finally:
            self.server.process.send_signal(signal.SIGCONT)

    def test_ctrl_c_ends_a_consumer_that_waits(self):
        self.create()
        for by in [signal.SIGINT, signal.SIGTERM]:
            process = self.start("consume", self.name, "--follow")
            self.produce(["one"])
            self.assertEqual(process.stdout.readline(), b"one\n")
            began = time.monotonic()
            self.end(process, by=by)
            self.assertLess(time.monotonic() - began, 3)

    # A server that is slow, or comes back.

    def test_a_server_that_does_not_answer_holds_up_the_input_and_not_the_memory(self):
        self.create()
        self.server.process.send_signal(signal.SIGSTOP)
        stopped = True
        try:
            process = self.start("produce", self.name, "--timeout", "60")
            chunk = text(["z" * 10_000] * 100)
            written = 0

            def feed():
                nonlocal written
                for _ in range(300):
                    process.stdin.write(chunk)
                    written += len(chunk)
                process.stdin.close()

            self.server.process.send_signal(signal.SIGCONT)
            stopped = False
            harness.wait_until(lambda: self.produce_is_connected(process), 10, "the connection")
            self.server.process.send_signal(signal.SIGSTOP)
            stopped = True
            feeder = threading.Thread(target=feed, daemon=True)
            feeder.start()
            time.sleep(3)
            self.assertLess(written, 150_000_000)
            with open(f"/proc/{process.pid}/status") as status:
                (peak_kib,) = [int(line.split()[1]) for line in status if line.startswith("VmHWM")]
            self.assertLess(peak_kib, 300 * 1024)
            self.server.process.send_signal(signal.SIGCONT)
            stopped = False
            feeder.join(60)
            self.assertEqual(process.wait(60), 0, process.stderr.read())
            self.assertEqual(self.end_offset(), 30_000)
        finally:
            if stopped:
                self.server.process.send_signal(signal.SIGCONT)

    @staticmethod
    def produce_is_connected(process):
        sockets = [os.readlink(f"/proc/{process.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{process.pid}/fd")]
        return any(name.startswith("socket:") for name in sockets)

    def test_both_go_on_when_the_server_comes_back(self):
        self.create()
        producer = self.start("produce", self.name)
        consumer = self.start("consume", self.name, "--follow")
        producer.stdin.write(text(lines(10)))
        producer.stdin.flush()
        self.assertEqual([consumer.stdout.readline().decode().rstrip("\n") for _ in range(10)], lines(10))
        self.server.kill9()
        producer.stdin.write(text(lines(10, 10)))
        producer.stdin.flush()
        time.sleep(0.5)
        self.server.start()
        self.assertEqual([consumer.stdout.readline().decode().rstrip("\n") for _ in range(10)], lines(10, 10))
        producer.stdin.close()
        self.assertEqual(producer.wait(20), 0, producer.stderr.read())
        self.end(consumer)

    # Where to begin and to end.

    def test_where_to_begin_and_how_many(self):
        self.create(2)
        for partition in ["0", "1"]:
            self.produce([f"{partition}-{i}" for i in range(5)], "--partition", partition)
        self.assertEqual(sorted(self.consume()), [f"{p}-{i}" for p in range(2) for i in range(5)])
        self.assertEqual(sorted(self.consume("--offset", "-2")), ["0-3", "0-4", "1-3", "1-4"])
        self.assertEqual(self.consume("--offset", "3", "--partition", "1"), ["1-3", "1-4"])
        self.assertEqual(self.consume("--partition", "1", "--count", "2"), ["1-0", "1-1"])
        self.assertEqual(self.consume("--count", "0"), [])
        self.assertEqual(self.consume("--offset", "end", "--exit-at-end"), [])
        self.assertEqual(self.consume("--offset", "@1", "--partition", "0", "--count", "1", "--format", "%t/%p/%o\\n"),
                         [f"{self.name}/0/0"])
        self.assertEqual(self.consume("--offset", "2100-01-01", "--partition", "0"), [])

    def test_a_time_finds_the_first_message_from_then_on(self):
        self.create()
        self.produce(["before"])
        time.sleep(0.05)
        middle = time.time()
        time.sleep(0.05)
        self.produce(["after"])
        self.assertEqual(self.consume("--offset", f"@{int(middle * 1000)}"), ["after"])
        utc = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(middle)) + f".{int(middle * 1000) % 1000:03}Z"
        self.assertEqual(self.consume("--offset", utc), ["after"])

    # Groups.

    def committed(self):
        offsets = self.admin().list_consumer_group_offsets(self.name)
        return {partition.partition: offset.offset for partition, offset in offsets.items()}

    def group_state(self):
        (described,) = self.admin().describe_consumer_groups([self.name])
        return described

    def test_a_group_goes_on_where_it_was_message_by_message(self):
        self.create()
        self.produce(lines(100))
        of_group = ["--group", self.name]
        self.assertEqual(self.consume(*of_group, "--count", "30"), lines(30))
        self.assertEqual(self.committed(), {0: 30})
        self.assertEqual(self.group_state().state, "Empty")
        self.assertEqual(self.consume(*of_group, "--exit-at-end"), lines(70, 30))
        self.assertEqual(self.consume(*of_group, "--exit-at-end"), [])
        self.assertEqual(self.committed(), {0: 100})

    def test_ctrl_c_commits_what_was_written_and_leaves_the_group(self):
        self.create()
        self.produce(lines(50))
        process = self.start("consume", self.name, "--group", self.name)
        for expected in lines(50):
            self.assertEqual(process.stdout.readline().decode(), expected + "\n")
        self.assertEqual(self.group_state().state, "Stable")
        self.end(process)
        self.assertEqual(self.group_state().state, "Empty")
        self.assertEqual(self.committed(), {0: 50})

    def test_members_share_a_group_with_each_other_and_with_other_clients(self):
        self.create(PARTITIONS)
        first = self.start("consume", self.name, "--group", self.name, "--format", "%p\\n")
        harness.wait_until(lambda: len(self.group_state().members) == 1, 20, "one member")
        second = self.start("consume", self.name, "--group", self.name, "--format", "%p\\n")
        kcat = subprocess.Popen(harness.dying_with_parent(
            ["kcat", "-b", self.server.address, "-G", self.name, "-u", "-q", "-f", "%p\\n",
             "-X", "partition.assignment.strategy=range", self.name]), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(kcat.kill)
        python = KafkaConsumer(self.name, bootstrap_servers=self.server.address, group_id=self.name,
                               auto_offset_reset="earliest")
        self.addCleanup(python.close)

        def has_settled():
            python.poll(timeout_ms=50)
            group = self.group_state()
            return group.state == "Stable" and len(group.members) == 4 and len(python.assignment()) == 1

        harness.wait_until(has_settled, 60, "four members with a partition each")
        messages = [f"k{i}\tv" for i in range(100)]
        self.produce(messages, "--key-delimiter", "\\t")
        seen = {}

        def read_all(name, stream):
            for line in stream:
                seen.setdefault(name, []).append(int(line))

        readers = [threading.Thread(target=read_all, args=pair, daemon=True)
                   for pair in [("first", first.stdout), ("second", second.stdout), ("kcat", kcat.stdout)]]
        for reader in readers:
            reader.start()

        def has_everything():
            for records in python.poll(timeout_ms=50).values():
                seen.setdefault("python", []).extend(record.partition for record in records)
            return sum(len(partitions) for partitions in seen.values()) == len(messages)

        harness.wait_until(has_everything, 30, "100 messages at four members")
        owned = [set(partitions) for partitions in seen.values()]
        self.assertEqual(sorted(p for share in owned for p in share), list(range(PARTITIONS)))
        # One after the other leaves; the last one has everything.
        kcat.terminate()
        python.close()
        second.send_signal(signal.SIGINT)
        harness.wait_until(lambda: len(self.group_state().members) == 1 and self.group_state().state == "Stable", 60,
                           "one member that is left")
        self.produce([f"{i}" for i in range(PARTITIONS)], "--key-delimiter", "\\t", "--batch-bytes", "1")
        harness.wait_until(lambda: len(seen["first"]) + len(seen["second"]) + len(seen["kcat"]) + len(seen["python"])
                           == len(messages) + PARTITIONS, 20, "what was sent to the last member")
        first.send_signal(signal.SIGINT)
        self.assertEqual(first.wait(20), 0)
        harness.wait_until(lambda: self.group_state().state == "Empty", 10, "an empty group")
        self.assertEqual(sum(self.committed().values()), len(messages) + PARTITIONS)


if __name__ == "__main__":
    unittest.main(verbosity=2)
