#!/usr/bin/python3
"""Topics are administered by unmodified clients: python3-kafka's admin client, and kcat."""

import json
import subprocess
import time
import unittest

import harness
import wire
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka import errors
from kafka.admin import NewTopic


class AdminTest(harness.ServerTestCase):
    """Every test uses topics of its own."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.admin = KafkaAdminClient(bootstrap_servers=cls.server.address)
        cls.addClassCleanup(cls.admin.close)

    def create(self, name, partitions=1, replication_factor=1):
        self.admin.create_topics([NewTopic(name, partitions, replication_factor)])

    def kcat_listing(self):
        """{topic: partition count}, as kcat sees it."""
        listing = json.loads(harness.run(["kcat", "-L", "-J", "-b", self.server.address]))
        return {topic["topic"]: len(topic["partitions"]) for topic in listing["topics"]}

    def connection(self):
        connection = wire.Connection(self.server.port)
        self.addCleanup(connection.socket.close)
        return connection

    def producer(self, **options):
        producer = KafkaProducer(bootstrap_servers=self.server.address, acks="all", retries=0, **options)
        self.addCleanup(producer.close)
        return producer

    def send_and_close(self, topic, *messages, **options):
        """Their offsets. An open producer would ask for the topic again once that is deleted, which creates it."""
        producer = self.producer()
        offsets = [producer.send(topic, message, **options).get(10).offset for message in messages]
        producer.close()
        return offsets

    def consumer(self):
        consumer = KafkaConsumer(bootstrap_servers=self.server.address, group_id=None)
        self.addCleanup(consumer.close)
        return consumer

    # Create, list, describe, delete.

    def test_a_created_topic_is_listed_by_every_client(self):
        self.create("listed", partitions=3)
        self.assertIn("listed", self.admin.list_topics())
        self.assertEqual(self.kcat_listing()["listed"], 3)
        self.assertEqual(len(self.connection().metadata(["listed"])["listed"].partitions), 3)

    def test_a_described_topic_has_a_leader_for_each_partition(self):
        self.create("described", partitions=2)
        (topic,) = self.admin.describe_topics(["described"])
        self.assertEqual(topic["error_code"], 0)
        self.assertEqual(sorted(partition["partition"] for partition in topic["partitions"]), [0, 1])
        nodes = {broker["node_id"] for broker in self.admin.describe_cluster()["brokers"]}
        for partition in topic["partitions"]:
            self.assertEqual(partition["error_code"], 0)
            self.assertIn(partition["leader"], nodes)

    def test_several_topics_are_created_by_one_request(self):
        self.admin.create_topics([NewTopic(f"several-{i}", i, 1) for i in (1, 2, 5)])
        listing = self.kcat_listing()
        self.assertEqual([listing[f"several-{i}"] for i in (1, 2, 5)], [1, 2, 5])

    def test_a_validated_only_topic_is_not_created(self):
        self.admin.create_topics([NewTopic("only-validated", 1, 1)], validate_only=True)
        self.assertNotIn("only-validated", self.admin.list_topics())

    def test_a_deleted_topic_is_gone_for_every_client(self):
        self.create("deleted")
        self.send_and_close("deleted", b"x")
        self.admin.delete_topics(["deleted"])
        self.assertNotIn("deleted", self.admin.list_topics())
        self.assertNotIn("deleted", self.kcat_listing())
        produced = self.connection().produce("deleted", {0: wire.batch([b"x"])})[0]
        self.assertEqual(produced.error, wire.UNKNOWN_TOPIC_OR_PARTITION)

    def test_a_topic_that_is_created_again_is_empty(self):
        for _ in range(3):
            self.create("again")
            self.assertEqual(self.send_and_close("again", b"m0", b"m1", b"m2"), [0, 1, 2])
            self.admin.delete_topics(["again"])

    def test_topics_and_deletions_survive_a_restart(self):
        self.create("kept", partitions=4)
        self.create("not-kept")
        self.admin.delete_topics(["not-kept"])
        self.server.stop_cleanly()
        self.server.start()
        listing = self.kcat_listing()
        self.assertEqual(listing.get("kept"), 4)
        self.assertNotIn("not-kept", listing)

    def test_asking_for_a_missing_topic_creates_it_only_if_the_client_allows(self):
        connection = self.connection()
        self.assertEqual(connection.metadata(["on-demand"])["on-demand"].error, wire.UNKNOWN_TOPIC_OR_PARTITION)
        self.assertNotIn("on-demand", self.kcat_listing())
        connection.metadata(["on-demand"], auto_create=True)
        harness.wait_until(lambda: "on-demand" in self.kcat_listing(), 10, "the topic that was asked for")

    def test_the_topic_command_does_the_same(self):
        def topic(*arguments):
            done = subprocess.run([harness.bin_dir() / "penstock", "topic", *arguments, "--brokers", self.server.address],
                                  capture_output=True, text=True, timeout=30)
            return done.returncode, done.stdout + done.stderr

        self.assertEqual(topic("create", "by-command", "--partitions", "3")[0], 0)
        self.assertEqual(self.kcat_listing()["by-command"], 3)
        self.assertIn("by-command", topic("list")[1])
        self.send_and_close("by-command", b"x", partition=2)
        code, printed = topic("describe", "by-command", "--json")
        self.assertEqual(code, 0)
        self.assertEqual(len(json.loads(printed)["partitions"]), 3)
        code, printed = topic("create", "by-command")
        self.assertEqual(code, 1)
        self.assertIn("by-command", printed)
        self.assertEqual(topic("delete", "by-command")[0], 0)
        self.assertNotIn("by-command", self.kcat_listing())
        self.assertEqual(topic("delete", "by-command")[0], 1)
        self.assertEqual(topic("describe", "by-command")[0], 1)

    # Refusals.

    def test_an_existing_topic_is_not_created_again(self):
        self.create("existing", partitions=2)
        with self.assertRaises(errors.TopicAlreadyExistsError):
            self.create("existing", partitions=7)
        self.assertEqual(self.kcat_listing()["existing"], 2)

    def test_invalid_names_are_refused(self):
        connection = self.connection()
        for name in ["", ".", "..", "a/b", "../up", "with space", "n\u00e9e", "nul\0", "x" * 250]:
            with self.subTest(name=name):
                self.assertEqual(connection.create_topic(name, 1), wire.INVALID_TOPIC)
        self.assertEqual(connection.create_topic("x" * 249, 1), wire.NONE)
        with self.assertRaises(errors.InvalidTopicError):
            self.create("not/valid")

    def test_an_invalid_name_is_not_created_on_demand_either(self):
        topic = self.connection().metadata(["a/b"], auto_create=True)["a/b"]
        self.assertEqual(topic.error, wire.INVALID_TOPIC)

    def test_invalid_partition_counts_are_refused(self):
        for partitions in (0, -7):
            with self.subTest(partitions=partitions), self.assertRaises(errors.InvalidPartitionsError):
                self.create("no-partitions", partitions=partitions)
        self.assertNotIn("no-partitions", self.admin.list_topics())

    def test_more_replicas_than_nodes_are_refused(self):
        with self.assertRaises(errors.InvalidReplicationFactorError):
            self.create("replicated", replication_factor=3)

    def test_a_refused_topic_does_not_hinder_its_neighbours(self):
        with self.assertRaises(errors.InvalidTopicError):
            self.admin.create_topics([NewTopic("neighbour", 1, 1), NewTopic("bad name", 1, 1)])
        self.assertIn("neighbour", self.admin.list_topics())

    def test_an_unknown_topic_is_said_to_be_unknown(self):
        connection = self.connection()
        self.assertEqual(connection.metadata(["missing"])["missing"].error, wire.UNKNOWN_TOPIC_OR_PARTITION)
        self.assertEqual(connection.delete_topic("missing"), wire.UNKNOWN_TOPIC_OR_PARTITION)
        self.assertEqual(connection.fetch("missing", {0: 0})[0].error, wire.UNKNOWN_TOPIC_OR_PARTITION)
        self.assertEqual(connection.list_offset("missing", 0, wire.LATEST).error, wire.UNKNOWN_TOPIC_OR_PARTITION)
        produced = connection.produce("missing", {0: wire.batch([b"x"])})[0]
        self.assertEqual(produced.error, wire.UNKNOWN_TOPIC_OR_PARTITION)
        with self.assertRaises(errors.UnknownTopicOrPartitionError):
            self.admin.delete_topics(["missing"])

    def test_an_unknown_partition_is_said_to_be_unknown(self):
        self.create("one-partition")
        connection = self.connection()
        for partition in (1, -1, 2_000_000_000):
            with self.subTest(partition=partition):
                results = connection.produce("one-partition", {partition: wire.batch([b"x"])})
                self.assertEqual(results[partition].error, wire.UNKNOWN_TOPIC_OR_PARTITION)
                results = connection.fetch("one-partition", {partition: 0})
                self.assertEqual(results[partition].error, wire.UNKNOWN_TOPIC_OR_PARTITION)

    # Offsets.

    def test_offsets_are_found_at_the_ends_and_by_timestamp(self):
        self.create("offsets")
        partition = TopicPartition("offsets", 0)
        consumer = self.consumer()
        self.assertEqual(consumer.beginning_offsets([partition])[partition], 0)
        self.assertEqual(consumer.end_offsets([partition])[partition], 0)

        producer = self.producer()
        for i in range(10):
            producer.send("offsets", b"m%d" % i, timestamp_ms=1_000_000 + 100 * i).get(10)
        self.assertEqual(consumer.beginning_offsets([partition])[partition], 0)
        self.assertEqual(consumer.end_offsets([partition])[partition], 10)
        for timestamp_ms, offset in [(0, 0), (1_000_000, 0), (1_000_301, 4), (1_000_400, 4), (1_000_900, 9)]:
            with self.subTest(timestamp_ms=timestamp_ms):
                found = consumer.offsets_for_times({partition: timestamp_ms})[partition]
                self.assertEqual((found.offset, found.timestamp), (offset, 1_000_000 + 100 * offset))
        self.assertIsNone(consumer.offsets_for_times({partition: 1_000_901})[partition])

        listed = harness.run(["kcat", "-Q", "-b", self.server.address, "-t", "offsets:0:1000400"]).decode()
        self.assertIn("offset 4", listed)

    def test_a_timestamp_inside_a_batch_finds_that_batch(self):
        self.create("in-batch")
        producer = self.producer(linger_ms=500)
        for i in range(20):
            producer.send("in-batch", b"m%d" % i, timestamp_ms=1_000_000 + 100 * i)
        producer.flush()
        partition = TopicPartition("in-batch", 0)
        found = self.consumer().offsets_for_times({partition: 1_000_750})[partition]
        self.assertEqual((found.offset, found.timestamp), (8, 1_000_800))

    def test_fetching_outside_of_the_log_is_out_of_range(self):
        self.create("ranged")
        self.producer().send("ranged", b"x").get(10)
        connection = self.connection()
        self.assertEqual(connection.fetch("ranged", {0: 0})[0].error, wire.NONE)
        at_end = connection.fetch("ranged", {0: 1})[0]
        self.assertEqual((at_end.error, at_end.records), (wire.NONE, b""))
        for offset in (2, 1_000_000, -1):
            with self.subTest(offset=offset):
                fetched = connection.fetch("ranged", {0: offset})[0]
                self.assertEqual((fetched.error, fetched.high_watermark), (wire.OFFSET_OUT_OF_RANGE, -1))

    def test_a_consumer_at_the_end_waits_for_the_next_message(self):
        self.create("awaited")
        connection = self.connection()
        began = time.monotonic()
        fetched = connection.fetch("awaited", {0: 0}, max_wait_ms=300)[0]
        self.assertEqual((fetched.error, fetched.records), (wire.NONE, b""))
        self.assertGreaterEqual(time.monotonic() - began, 0.29)

        correlation_id = 99
        connection.send(wire.frame(wire.header(wire.FETCH, 4, correlation_id) +
                                   wire.fetch_body("awaited", {0: 0}, max_wait_ms=20_000)))
        time.sleep(0.1)
        began = time.monotonic()
        self.producer().send("awaited", b"news").get(10)
        answered_id, answer = connection.receive()
        self.assertEqual(answered_id, correlation_id)
        self.assertIn(b"news", answer)
        self.assertLess(time.monotonic() - began, 5)

    # Topic settings, and deletion from the beginning.

    def test_a_topic_setting_is_taken_and_one_that_is_not_served_is_refused(self):
        self.admin.create_topics([NewTopic("with-settings", 1, 1, topic_configs={"retention.ms": "3600000"})])
        with self.assertRaises(errors.InvalidConfigurationError):
            self.admin.create_topics([NewTopic("with-unknown", 1, 1, topic_configs={"compression.type": "gzip"})])
        self.assertNotIn("with-unknown", self.admin.list_topics())

    def test_deleted_records_are_gone_for_every_client_and_the_rest_is_not(self):
        self.create("trimmed")
        producer = self.producer()
        for i in range(10):
            producer.send("trimmed", b"%d" % i).get(10)
        harness.run([harness.bin_dir() / "penstock", "topic", "delete-records", "trimmed",
                     "--brokers", self.server.address, "--below", "7"])
        consumer = self.consumer()
        partition = TopicPartition("trimmed", 0)
        self.assertEqual(consumer.beginning_offsets([partition]), {partition: 7})
        left = harness.run(["kcat", "-C", "-q", "-b", self.server.address, "-t", "trimmed", "-o", "beginning",
                            "-e", "-f", "%o:%s "])
        self.assertEqual(left, b"7:7 8:8 9:9 ")
        harness.run([harness.bin_dir() / "penstock", "topic", "delete-records", "trimmed",
                     "--brokers", self.server.address, "--below", "end"])
        self.assertEqual(producer.send("trimmed", b"next").get(10).offset, 10)

    # Sizes.

    def test_a_message_above_the_limit_is_refused_and_one_below_it_is_not(self):
        self.create("sized")
        producer = self.producer(max_request_size=10_000_000)
        with self.assertRaises(errors.MessageSizeTooLargeError):
            producer.send("sized", b"x" * 1_100_000).get(10)
        below = b"y" * 1_000_000
        self.assertEqual(producer.send("sized", below).get(10).offset, 0)
        # Larger than both limits, yet returned whole: a consumer must be able to get past it.
        fetched = self.connection().fetch("sized", {0: 0}, max_bytes=1_000)[0]
        self.assertEqual(fetched.error, wire.NONE)
        self.assertIn(below, fetched.records)

    def test_an_empty_message_and_a_null_message_are_kept_apart(self):
        self.create("empty")
        producer = self.producer()
        producer.send("empty", b"", key=b"empty").get(10)
        producer.send("empty", None, key=b"null").get(10)
        consumer = self.consumer()
        consumer.assign([TopicPartition("empty", 0)])
        consumer.seek_to_beginning()
        self.assertEqual([(m.key, m.value) for m in (next(consumer), next(consumer))],
                         [(b"empty", b""), (b"null", None)])


if __name__ == "__main__":
    unittest.main(verbosity=2)
