#!/usr/bin/python3
"""Settings and partitions of topics: python3-kafka's admin client, kcat, and `penstock topic config`."""

import json
import os
import subprocess
import time
import unittest

import harness
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka import errors
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic

DYNAMIC_TOPIC_CONFIG = 1
DEFAULT_CONFIG = 5


class ConfigsTest(harness.ServerTestCase):
    """Every test uses a topic of its own."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.admin = KafkaAdminClient(bootstrap_servers=cls.server.address)
        cls.addClassCleanup(cls.admin.close)

    def create(self, name, partitions=1, configs=None):
        self.admin.create_topics([NewTopic(name, partitions, 1, topic_configs=configs or {})])

    def described(self, kind, name, include_synonyms=False):
        """{setting: (value, read only, source, synonyms)}"""
        (response,) = self.admin.describe_configs([ConfigResource(kind, name)], include_synonyms)
        ((error, message, _, resource, entries),) = response.resources
        self.assertEqual((error, resource), (0, name), message)
        return {entry[0]: (entry[1], entry[2], entry[3], entry[5]) for entry in entries}

    def setting(self, topic, name):
        return self.described(ConfigResourceType.TOPIC, topic)[name][0]

    def alter(self, topic, configs):
        """Of the response: (error code, message)."""
        response = self.admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, topic, configs)])
        return response.resources[0][:2]

    def penstock(self, *words, check=True):
        command = [os.path.join(harness.bin_dir(), "penstock"), "topic", *words,
                   "--brokers", self.server.address]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=check)

    def producer(self, **options):
        producer = KafkaProducer(bootstrap_servers=self.server.address, acks="all", retries=0, **options)
        self.addCleanup(producer.close)
        return producer

    def test_a_topics_settings_are_described_with_their_sources(self):
        self.create("described", configs={"retention.ms": "1000"})
        settings = self.described(ConfigResourceType.TOPIC, "described", include_synonyms=True)
        value, read_only, source, synonyms = settings["retention.ms"]
        self.assertEqual((value, read_only, source), ("1000", False, DYNAMIC_TOPIC_CONFIG))
        self.assertEqual([synonym[0] for synonym in synonyms], ["retention.ms", "retention.time"])
        self.assertEqual(settings["message.timestamp.type"][:3], ("CreateTime", False, DEFAULT_CONFIG))

    def test_a_broker_is_described_read_only(self):
        settings = self.described(ConfigResourceType.BROKER, "1")
        self.assertIn("message.max.bytes", settings)
        self.assertTrue(all(entry[1] for entry in settings.values()))

    def test_settings_are_altered_and_replaced_as_a_whole(self):
        self.create("altered", configs={"retention.ms": "1000"})
        self.assertEqual(self.alter("altered", {"segment.ms": "60000"})[0], 0)
        self.assertEqual(self.setting("altered", "segment.ms"), "60000")
        self.assertEqual(self.setting("altered", "retention.ms"), "604800000")
        code, message = self.alter("altered", {"cleanup.policy": "compact"})
        self.assertEqual(code, errors.InvalidConfigurationError.errno)
        self.assertIn("cleanup.policy", message)

    def test_a_maximum_of_messages_holds_at_once(self):
        self.create("small")
        producer = self.producer()
        producer.send("small", b"x" * 5000).get(10)
        self.assertEqual(self.alter("small", {"max.message.bytes": "1000"})[0], 0)
        with self.assertRaises(errors.MessageSizeTooLargeError):
            producer.send("small", b"x" * 5000).get(10)
        producer.send("small", b"x").get(10)

    def test_log_append_time_is_the_brokers(self):
        self.create("stamped", configs={"message.timestamp.type": "LogAppendTime"})
        before = int(time.time() * 1000)
        sent = self.producer(compression_type="gzip").send("stamped", b"x", timestamp_ms=5).get(10)
        self.assertGreaterEqual(sent.timestamp, before)
        consumer = KafkaConsumer(bootstrap_servers=self.server.address, group_id=None)
        self.addCleanup(consumer.close)
        partition = TopicPartition("stamped", 0)
        consumer.assign([partition])
        consumer.seek(partition, 0)
        (record,) = next(iter(consumer.poll(10_000).values()))
        self.assertEqual((record.timestamp, record.timestamp_type), (sent.timestamp, 1))
        text = harness.run(["kcat", "-C", "-b", self.server.address, "-t", "stamped", "-e", "-q",
                            "-f", "%T %s\n"]).decode()
        self.assertEqual(text, f"{sent.timestamp} x\n")

    def test_partitions_are_added_and_used(self):
        self.create("grown", partitions=2)
        self.admin.create_partitions({"grown": NewPartitions(4)})
        listing = json.loads(harness.run(["kcat", "-L", "-J", "-t", "grown", "-b", self.server.address]))
        self.assertEqual(len(listing["topics"][0]["partitions"]), 4)
        self.assertEqual(self.producer().send("grown", b"x", partition=3).get(10).offset, 0)
        with self.assertRaises(errors.InvalidPartitionsError):
            self.admin.create_partitions({"grown": NewPartitions(4)})

    def test_the_command_shows_and_changes_settings(self):
        self.create("commanded")
        out = self.penstock("config", "commanded", "--set", "retention.ms=7", "--set",
                            "commit=batch").stdout
        self.assertIn("retention.ms", out)
        settings = json.loads(self.penstock("config", "commanded", "--unset", "commit", "--json").stdout)
        by_name = {setting["name"]: setting for setting in settings}
        self.assertEqual(by_name["retention.ms"]["value"], "7")
        self.assertEqual(by_name["retention.ms"]["source"], "topic")
        self.assertEqual(by_name["commit"]["source"], "broker")
        refused = self.penstock("config", "commanded", "--set", "segment.jitter.ms=1", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("segment.jitter.ms", refused.stderr)
        missing = self.penstock("config", "nowhere", check=False)
        self.assertEqual(missing.returncode, 1)
        self.assertIn("penstock topic list", missing.stderr)

    def test_the_command_adds_partitions(self):
        self.create("command-grown")
        self.assertIn("3 partitions now, 2 more",
                      self.penstock("add-partitions", "command-grown", "--partitions", "3").stdout)
        refused = self.penstock("add-partitions", "command-grown", "--partitions", "3", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("has 3 partitions already", refused.stderr)


class RestartTest(harness.WorkspaceTestCase):
    """Topics are in the catalog, whatever happens to the server."""

    def test_topics_and_settings_outlive_a_kill(self):
        server = self.workspace.server()
        server.start()
        admin = KafkaAdminClient(bootstrap_servers=server.address)
        admin.create_topics([NewTopic("kept", 1, 1), NewTopic("gone", 1, 1)])
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, "kept", {"segment.ms": "60000"})])
        admin.create_partitions({"kept": NewPartitions(3)})
        admin.delete_topics(["gone"])
        admin.close()
        server.kill9()
        dump = harness.run([os.path.join(harness.bin_dir(), "penstock"), "catalog", "dump",
                            server.data_dir]).decode()
        self.assertRegex(dump, r"topic kept: id [0-9a-f]{32}, 3 partitions.*segment.ms=60000")
        self.assertNotIn("gone", dump)
        server.start()
        admin = KafkaAdminClient(bootstrap_servers=server.address)
        self.assertEqual(admin.list_topics(), ["kept"])
        admin.close()
        server.stop_cleanly()

    def test_topics_of_an_earlier_version_are_taken_in(self):
        server = self.workspace.server()
        topic = os.path.join(server.data_dir, "topics", "earlier")
        for partition in range(2):
            os.makedirs(os.path.join(topic, str(partition)))
        description = {"format": 1, "name": "earlier", "id": "00112233445566778899aabbccddeeff",
                       "partitions": 2, "leader_epoch": 0, "created_ms": 1700000000000}
        path = os.path.join(topic, "topic.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(description, file)
        for _ in range(2):
            server.start()
            listing = json.loads(harness.run(["kcat", "-L", "-J", "-b", server.address]))
            self.assertEqual([(entry["topic"], len(entry["partitions"])) for entry in listing["topics"]],
                             [("earlier", 2)])
            self.assertFalse(os.path.exists(path))
            server.stop_cleanly()


if __name__ == "__main__":
    unittest.main(verbosity=2)
