#!/usr/bin/python3
"""kill -9 at a random moment under load, again and again: what a producer saw acknowledged is there.

Each round: producers start and write (three of ack_recorder, one of them as fast as it can, and one of
python3-kafka; acks=all and acks=1; none, lz4, zstd and gzip) to a topic of every kind (ack_load.py), topics
are created and deleted beside them, the server is killed at a random moment and started again; every fourth
time it is first killed once or twice while it recovers. Then the topics are read from offset 0 and compared
with every acknowledgement since they were created: each message at its offset, with its bytes, in order,
none twice. New topics begin every few rounds; all that were not deleted are read once more at the end.

    kill_test.py [--rounds N] [--xfs-rounds N] [--btrfs-rounds N] [--seed N] [-- FLAG_OF_PENSTOCK_SERVE ...]

The rounds run on the file system of the work directory, the others on an XFS and a Btrfs of their own, in
loop devices: where those cannot be had, it says why and leaves these rounds out.

The same seed makes the same plan; the moments are still the machine's. The last step plants a lost, a
moved and a resized message in a copy of the records and expects the check to fail; the checker itself has
a test of its own, ack_ledger_test.
"""

import argparse
import contextlib
import random
import subprocess
import sys
import threading
import time

import ack_load
import harness
import mounts
import wire

ROUNDS_OF_TOPIC = 5
KEPT_TOPICS = 3  # of each kind; older ones are read a last time and deleted, which bounds the disk space
FIRST_ACKS_TIMEOUT_S = 30
MOUNT_MIB = 4096  # sparse: it takes what is written
LOADS = list(ack_load.LOADS.values())


class TopicChurn:
    """Creates and deletes topics in a thread until the server goes away; knows what was acknowledged."""

    def __init__(self):
        self.next_number = 0
        self.partitions = {}  # of topics that exist
        self.deleted = set()
        self.in_doubt = set()  # asked for, and not answered: either is right
        self.acknowledged = 0
        self.refused = None

    def start(self, port):
        self.thread = threading.Thread(target=self.run, args=(port,))
        self.thread.start()

    def run(self, port):
        name = None
        try:
            with wire.Connection(port) as connection:
                while True:
                    name = f"churn-{self.next_number}"
                    self.next_number += 1
                    partitions = 1 + self.next_number % 3
                    if not self.is_acknowledged(connection.create_topic(name, partitions), name):
                        return
                    self.partitions[name] = partitions
                    if len(self.partitions) > 4:
                        name = min(self.partitions, key=lambda known: int(known.split("-")[1]))
                        del self.partitions[name]
                        if not self.is_acknowledged(connection.delete_topic(name), name):
                            return
                        self.deleted.add(name)
                    time.sleep(0.02)
        except (OSError, wire.ConnectionClosed):
            if name is not None and name not in self.partitions and name not in self.deleted:
                self.in_doubt.add(name)

    def is_acknowledged(self, error, name):
        self.acknowledged += error == wire.NONE
        if error != wire.NONE:
            self.refused = f"topic {name}: refused with error {error}"
        return error == wire.NONE

    def check(self, port):
        self.thread.join(30)
        assert not self.thread.is_alive(), "the topic churn has not ended"
        assert self.refused is None, self.refused
        with wire.Connection(port) as connection:
            there = {name: len(topic.partitions) for name, topic in connection.metadata().items()
                     if name.startswith("churn-")}
        for name in self.in_doubt & there.keys():
            self.partitions[name] = there[name]
        for name, partitions in self.partitions.items():
            assert there.get(name) == partitions, \
                f"topic {name} was created with {partitions} partitions; after the kill: {there.get(name)}"
        for name in there:
            assert name in self.partitions, f"topic {name} was deleted, and is back after the kill"
        self.in_doubt.clear()


class Campaign:
    def __init__(self, workspace, place, data_dir, random_source, server_flags):
        self.workspace = workspace
        self.place = place
        self.random = random_source
        self.server = workspace.server(*server_flags, name=f"server-{place}", data_dir=data_dir)
        self.churn = TopicChurn()
        self.topics = {kind: {} for kind in ack_load.TOPIC_KINDS}  # kind: {name: its acknowledgement files}
        self.producers_started = 0
        self.acknowledged = 0
        self.kills = 0
        self.kills_in_recovery = 0
        self.slowest_start_s = 0

    def new_topics(self, number):
        with wire.Connection(self.server.port) as connection:
            for kind, topics in self.topics.items():
                name = f"kill-{number}-{kind}"
                ack_load.create(connection, name, kind)
                topics[name] = []
                while len(topics) > KEPT_TOPICS:
                    oldest = next(iter(topics))
                    self.check_topic(oldest, topics[oldest])
                    assert connection.delete_topic(oldest) == wire.NONE
                    for path in topics.pop(oldest):
                        path.unlink()

    def newest_topics(self):
        """[(name, its acknowledgement files)], one of each kind"""
        return [next(reversed(topics.items())) for topics in self.topics.values()]

    def start_producers(self, round_number):
        """[(process, its acknowledgement file)]. Each load meets each kind of topic in turn."""
        newest = self.newest_topics()
        started = []
        for position, load in enumerate(LOADS):
            topic, paths = newest[(position + round_number) % len(newest)]
            self.producers_started += 1
            path = self.workspace.path / f"acks-{self.place}-{self.producers_started}"
            started.append((ack_load.start_producer(self.server, topic, self.producers_started, path, load), path))
            paths.append(path)
        return started

    def kill_under_load(self, round_number):
        """The number of messages that were acknowledged."""
        producers = self.start_producers(round_number)
        self.churn.start(self.server.port)
        try:
            for _, path in producers:
                harness.wait_until(lambda path=path: path.exists() and path.read_bytes().count(b"\n") > 1,
                                   FIRST_ACKS_TIMEOUT_S, f"first acknowledgement in {path.name}", poll_s=0.005)
            time.sleep(self.random.uniform(0, 0.6))
            self.server.assert_runs()
            self.server.kill9()
            self.kills += 1
        finally:
            ack_load.stop([process for process, _ in producers])
        return sum(path.read_bytes().count(b"\n") - 1 for _, path in producers)

    def restart(self, kills_first):
        for _ in range(kills_first):
            self.server.launch()
            time.sleep(self.random.uniform(0, 0.15))
            self.server.kill9()
            self.kills_in_recovery += 1
        self.slowest_start_s = max(self.slowest_start_s, self.server.start())

    def check_topic(self, topic, paths):
        """(messages, bytes) of the topic"""
        code, numbers, printed = ack_load.check(self.server, topic, paths)
        assert code == 0, f"{topic} on {self.place}:\n{printed}"
        return int(numbers["read"]), int(numbers["bytes"])

    def run_round(self, number):
        if number % ROUNDS_OF_TOPIC == 0:
            self.new_topics(number)
        acknowledged = self.kill_under_load(number)
        self.acknowledged += acknowledged
        self.restart(kills_first=self.random.choice([1, 2]) if number % 4 == 3 else 0)
        read = [self.check_topic(topic, paths) for topic, paths in self.newest_topics()]
        self.churn.check(self.server.port)
        print(f"{self.place}, round {number + 1}: {acknowledged:,} acknowledged in this round; read back: "
              f"{sum(messages for messages, _ in read):,} messages, {sum(size for _, size in read):,} bytes", flush=True)

    def plant_and_check(self):
        """The check must fail on records that the log does not keep."""
        topic, paths = max(self.newest_topics(), key=lambda newest: len(newest[1]))
        victim = max(paths, key=lambda path: path.stat().st_size)
        lines = victim.read_text().splitlines(keepends=True)
        middle = len(lines) // 2
        partition, offset, sequence, size = lines[middle].split()
        with wire.Connection(self.server.port) as connection:
            end = connection.list_offset(topic, int(partition), wire.LATEST).offset
        plants = {
            "a lost message": f"{partition} {end} {10**9} {size}\n",
            "a moved message": f"{partition} {offset} {int(sequence) + 1} {size}\n",
            "a message of another size": f"{partition} {offset} {sequence} {int(size) + 1}\n",
        }
        for what, line in plants.items():
            planted = self.workspace.path / "planted"
            planted.write_text("".join([*lines[:middle], line, *lines[middle + 1:]]))
            records = [planted if path == victim else path for path in paths]
            code, numbers, printed = ack_load.check(self.server, topic, records)
            assert code == ack_load.BROKEN_PROMISE and int(numbers["findings"]) > 0, f"{what} went unnoticed:\n{printed}"
        print(f"planted and noticed: {', '.join(plants)}")

    def run(self, rounds):
        self.server.start()
        began = time.monotonic()
        for number in range(rounds):
            self.run_round(number)
        for topics in self.topics.values():
            for topic, paths in topics.items():
                self.check_topic(topic, paths)
        self.plant_and_check()
        self.server.stop_cleanly()
        print(f"{self.place}: {rounds} rounds in {time.monotonic() - began:.0f} s: {self.kills} kills under load, "
              f"{self.kills_in_recovery} during recovery; {self.producers_started} producers saw "
              f"{self.acknowledged:,} messages acknowledged and {self.churn.acknowledged} topics created or deleted; "
              f"slowest start {self.slowest_start_s:.2f} s; nothing lost, changed, moved or twice", flush=True)


def file_system_of(path):
    return harness.run(["findmnt", "--noheadings", "--output", "FSTYPE", "--target", path]).decode().strip()


def run_campaigns(workspace, rounds, seed, server_flags):
    """`rounds`: {None: on the work directory's file system, kind: on a mount of that kind}"""
    for kind, count in rounds.items():
        if count == 0:
            continue
        if kind is not None:
            why_not = mounts.why_no_mounts() or mounts.why_not_mountable(workspace, kind)
            if why_not is not None:
                print(f"skipped: {count} rounds on {kind}: {why_not}", flush=True)
                continue
        with contextlib.ExitStack() as stack:
            directory = workspace.path if kind is None else stack.enter_context(
                mounts.mounted(workspace, kind, MOUNT_MIB))
            Campaign(workspace, kind or file_system_of(directory), directory / "data", random.Random(f"{seed} {kind}"),
                     server_flags).run(count)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=20, help="on the work directory's file system")
    parser.add_argument("--xfs-rounds", type=int, default=0)
    parser.add_argument("--btrfs-rounds", type=int, default=0)
    parser.add_argument("server_flags", nargs="*")
    options = harness.parse_campaign(parser)
    rounds = {None: options.rounds, "xfs": options.xfs_rounds, "btrfs": options.btrfs_rounds}
    if any(count > 0 for kind, count in rounds.items() if kind) and mounts.why_no_mounts() is None:
        mounts.enter_mount_namespace()
    print(f"kill_test --rounds {options.rounds} --xfs-rounds {options.xfs_rounds} --btrfs-rounds "
          f"{options.btrfs_rounds} --seed {options.seed} -- {' '.join(options.server_flags)}", flush=True)
    with harness.Workspace("kill") as workspace:
        run_campaigns(workspace, rounds, options.seed, options.server_flags)


if __name__ == "__main__":
    sys.exit(main())
