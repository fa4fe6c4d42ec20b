#!/usr/bin/python3
"""Consumer groups of unmodified clients: python3-kafka and kcat (librdkafka), joining, leaving and dying,
and what they have committed, over restarts of the server."""

import json
import subprocess
import threading
import time
import unittest

import harness
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka import errors
from kafka.admin import NewTopic
from kafka.structs import OffsetAndMetadata

PARTITIONS = 4
# Short, so that a death is noticed within the test.
SESSION_MS = 6_000


class Member:
    """A consumer that polls on a thread of its own until it is closed, or abandoned without a word."""

    def __init__(self, address, group, topic, **options):
        self.values = []
        self.partitions = set()
        self._address, self._group, self._topic, self._options = address, group, topic, options
        self._ending = threading.Event()
        self._says_goodbye = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        consumer = KafkaConsumer(self._topic, bootstrap_servers=self._address, group_id=self._group,
                                 auto_offset_reset="earliest", session_timeout_ms=SESSION_MS,
                                 heartbeat_interval_ms=300, auto_commit_interval_ms=200, **self._options)
        while not self._ending.is_set():
            for records in consumer.poll(timeout_ms=100).values():
                self.values += [record.value.decode() for record in records]
            self.partitions = {partition.partition for partition in consumer.assignment()}
        if self._says_goodbye:
            consumer.close()
        else:
            # As a process that dies: its connections end, and nobody is told.
            consumer._coordinator._client.close()

    def close(self):
        self._ending.set()
        self._thread.join(30)

    def die(self):
        self._says_goodbye = False
        self.close()


class GroupTest(harness.ServerTestCase):
    """Every test uses a topic and a group of its own."""

    @classmethod
    def setUpClass(cls):
        cls.failed = False
        cls.workspace = harness.Workspace(cls.__name__)
        cls.addClassCleanup(lambda: cls.workspace.close(cls.failed))
        cls.server = cls.workspace.server("--shards", 2, "--set", "groups.initial_rebalance_delay=300ms")
        cls.server.start()

    def setUp(self):
        super().setUp()
        self.name = self.id().rsplit(".", 1)[1]
        self.create(self.name)
        self.sent = 0

    def admin(self):
        admin = KafkaAdminClient(bootstrap_servers=self.server.address)
        self.addCleanup(admin.close)
        return admin

    def create(self, topic):
        self.admin().create_topics([NewTopic(topic, PARTITIONS, 1)])

    def produce(self, count):
        producer = KafkaProducer(bootstrap_servers=self.server.address, acks="all")
        for i in range(self.sent, self.sent + count):
            producer.send(self.name, str(i).encode(), partition=i % PARTITIONS)
        producer.close()
        self.sent += count

    def member(self, **options):
        member = Member(self.server.address, self.name, self.name, **options)
        self.addCleanup(member.close)
        return member

    def wait_for_all_values(self, *members):
        everything = {str(i) for i in range(self.sent)}
        harness.wait_until(lambda: set().union(*(set(m.values) for m in members)) == everything, 30,
                           f"{self.sent} messages for {len(members)} members")

    def wait_for_shares(self, *members):
        """Every partition has exactly one owner, and every member as many as any other."""
        def are_fair():
            shares = [m.partitions for m in members]
            return sorted(p for share in shares for p in share) == list(range(PARTITIONS)) and len(
                {len(share) for share in shares}) == 1

        harness.wait_until(are_fair, 40, f"fair shares for {len(members)} members")

    def committed(self, group=None):
        offsets = self.admin().list_consumer_group_offsets(group or self.name)
        return {partition.partition: offset.offset for partition, offset in offsets.items()}

    def state(self):
        (described,) = self.admin().describe_consumer_groups([self.name])
        return described

    # Members come and go.

    def test_members_share_the_partitions_and_get_every_message_once(self):
        self.produce(100)
        first, second = self.member(), self.member()
        self.wait_for_shares(first, second)
        self.wait_for_all_values(first, second)
        self.produce(100)
        self.wait_for_all_values(first, second)
        described = self.state()
        self.assertEqual(described.state, "Stable")
        self.assertEqual(len(described.members), 2)
        self.assertEqual(described.members[0].client_host, "/127.0.0.1")

    def test_a_member_that_joins_later_takes_its_share_and_one_that_leaves_gives_it_back(self):
        first = self.member()
        self.wait_for_shares(first)
        second = self.member()
        self.wait_for_shares(first, second)
        second.close()
        self.wait_for_shares(first)
        self.produce(40)
        self.wait_for_all_values(first)

    def test_the_partitions_of_a_member_that_dies_go_to_the_others(self):
        first, second = self.member(), self.member()
        self.wait_for_shares(first, second)
        second.die()
        self.wait_for_shares(first)
        self.produce(40)
        self.wait_for_all_values(first, second)

    def test_a_group_goes_on_where_it_was_when_all_its_members_are_new(self):
        self.produce(40)
        first = self.member()
        self.wait_for_all_values(first)
        first.close()
        self.assertEqual(self.committed(), {p: 10 for p in range(PARTITIONS)})
        self.produce(40)
        second = self.member()
        harness.wait_until(lambda: len(second.values) >= 40, 30, "the second half")
        time.sleep(0.5)
        self.assertEqual(sorted(map(int, second.values)), list(range(40, 80)))

    def test_kcat_and_python_share_a_group(self):
        self.produce(40)
        with open(self.workspace.path / "kcat.out", "w+") as out:
            kcat = subprocess.Popen(harness.dying_with_parent(
                ["kcat", "-b", self.server.address, "-G", self.name, "-X", "session.timeout.ms=6000",
                 "-X", "partition.assignment.strategy=range", "-X", "auto.offset.reset=earliest",
                 "-u", self.name]), stdout=out, stderr=subprocess.DEVNULL)
            self.addCleanup(kcat.wait)
            self.addCleanup(kcat.kill)
            member = self.member()
            harness.wait_until(lambda: len(member.partitions) == PARTITIONS // 2, 40, "half of the partitions")
            self.produce(40)

            def all_are_there():
                out.seek(0)
                return {*out.read().split(), *member.values} == {str(i) for i in range(80)}

            harness.wait_until(all_are_there, 30, "all messages, at one or the other")

    # What is committed stays.

    def assert_commits_and_members_outlive(self, how):
        self.produce(40)
        member = self.member()
        self.wait_for_all_values(member)
        harness.wait_until(lambda: self.committed() == {p: 10 for p in range(PARTITIONS)}, 10, "the commits")
        how()
        self.server.start()
        self.assertEqual(self.committed(), {p: 10 for p in range(PARTITIONS)})
        self.produce(40)
        self.wait_for_all_values(member)
        harness.wait_until(lambda: self.committed() == {p: 20 for p in range(PARTITIONS)}, 20, "the commits after it")
        self.assertEqual(len(member.values), 80, "a message came twice")

    def test_commits_and_members_outlive_a_clean_stop(self):
        self.assert_commits_and_members_outlive(self.server.stop_cleanly)

    def test_commits_and_members_outlive_kill_9(self):
        self.assert_commits_and_members_outlive(self.server.kill9)

    def test_a_commit_with_text_comes_back_as_it_was(self):
        consumer = KafkaConsumer(bootstrap_servers=self.server.address, group_id=self.name, enable_auto_commit=False)
        self.addCleanup(consumer.close)
        partition = TopicPartition(self.name, 2)
        consumer.assign([partition])
        consumer.commit({partition: OffsetAndMetadata(7, "where I was")})
        self.assertEqual(consumer.committed(partition), 7)
        offsets = self.admin().list_consumer_group_offsets(self.name)
        self.assertEqual(offsets[partition].metadata, "where I was")
        self.assertIsNone(consumer.committed(TopicPartition(self.name, 3)))

    def test_a_deleted_topic_takes_what_was_committed_for_it(self):
        self.produce(40)
        member = self.member()
        self.wait_for_all_values(member)
        member.close()
        self.assertEqual(len(self.committed()), PARTITIONS)
        self.admin().delete_topics([self.name])
        self.create(self.name)
        self.assertEqual(self.committed(), {})

    # For operators.

    def test_groups_are_listed_and_deleted_unless_they_have_members(self):
        member = self.member()
        self.wait_for_shares(member)
        admin = self.admin()
        self.assertIn((self.name, "consumer"), admin.list_consumer_groups())
        ((_, error),) = admin.delete_consumer_groups([self.name])
        self.assertIs(error, errors.NonEmptyGroupError)
        member.close()
        ((_, error),) = admin.delete_consumer_groups([self.name])
        self.assertIs(error, errors.NoError)
        self.assertNotIn((self.name, "consumer"), admin.list_consumer_groups())
        self.assertEqual(self.state().state, "Dead")

    def penstock_group(self, *words):
        return subprocess.run([harness.bin_dir() / "penstock", "group", *words, "--brokers", self.server.address],
                              capture_output=True, text=True)

    def test_the_command_line_lists_describes_and_deletes_groups(self):
        self.produce(40)
        member = self.member(client_id="worker")
        self.wait_for_all_values(member)
        harness.wait_until(lambda: self.committed() == {p: 10 for p in range(PARTITIONS)}, 10, "the commits")
        self.assertRegex(self.penstock_group("list").stdout, rf"(?m)^{self.name} +Stable +consumer +classic$")
        described = json.loads(self.penstock_group("describe", self.name, "--json").stdout)
        self.assertEqual((described["state"], described["protocol"]), ("Stable", "range"))
        self.assertEqual([m["client_id"] for m in described["members"]], ["worker"])
        self.assertEqual(described["offsets"],
                         [{"topic": self.name, "partition": p, "committed": 10, "end": 10} for p in range(PARTITIONS)])
        refused = self.penstock_group("delete", self.name)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("NON_EMPTY_GROUP", refused.stderr)
        member.close()
        self.produce(4)
        self.assertRegex(self.penstock_group("describe", self.name).stdout, rf"(?m)^{self.name} +0 +10 +11 +1$")
        self.assertEqual(self.penstock_group("delete", self.name).returncode, 0)
        gone = self.penstock_group("describe", self.name)
        self.assertEqual(gone.returncode, 1)
        self.assertIn("there is no group", gone.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
