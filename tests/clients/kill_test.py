#!/usr/bin/python3
"""kill -9 at a random moment under load, again and again: what a producer saw acknowledged is there.

Each round: producers start and write (three of ack_recorder, one of them as fast as it can, and one of
python3-kafka; acks=all and acks=1; none, lz4, zstd and gzip), topics are created and deleted beside them,
the server is killed at a random moment and started again; every fourth time it is first killed once or
twice while it recovers. Then the whole topic is read from offset 0 and compared with every acknowledgement
since it was created: each message at its offset, with its bytes, in order, none twice. A new topic begins
every few rounds; all topics that were not deleted are read once more at the end.

    kill_test.py [--rounds N] [--seed N] [-- FLAG_OF_PENSTOCK_SERVE ...]

The same seed makes the same plan; the moments are still the machine's. The last step plants a lost, a
moved and a resized message in a copy of the records and expects the check to fail; the checker itself has
a test of its own, ack_ledger_test.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import threading
import time

import harness
import wire

PARTITIONS = 4
ROUNDS_OF_TOPIC = 5
KEPT_TOPICS = 3  # older ones are read a last time and deleted, which bounds the disk space
FIRST_ACKS_TIMEOUT_S = 30
BROKEN_PROMISE = 3  # ack_recorder's exit code

# Of each ack_recorder: what makes it different.
LOADS = {
    "fast and small": ["--acks", "all", "--max-bytes", "300", "--rate", 30_000_000],
    "mixed sizes": ["--acks", "all", "--codec", "lz4", "--max-bytes", "100000", "--rate", 20_000_000],
    "acks=1": ["--acks", "1", "--codec", "zstd", "--max-bytes", "4000", "--rate", 5_000_000, "--linger-ms", 20],
}


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
    def __init__(self, workspace, random_source, server_flags):
        self.workspace = workspace
        self.random = random_source
        self.server = workspace.server(*server_flags)
        self.churn = TopicChurn()
        self.topics = {}  # name: its acknowledgement files
        self.producers_started = 0
        self.acknowledged = 0
        self.kills = 0
        self.kills_in_recovery = 0
        self.slowest_start_s = 0

    def new_topic(self, number):
        name = f"kill-{number}"
        with wire.Connection(self.server.port) as connection:
            assert connection.create_topic(name, PARTITIONS) == wire.NONE
            self.topics[name] = []
            while len(self.topics) > KEPT_TOPICS:
                oldest = next(iter(self.topics))
                self.check_topic(oldest)
                assert connection.delete_topic(oldest) == wire.NONE
                for path in self.topics.pop(oldest):
                    path.unlink()
        return name

    def start_producers(self, topic):
        """[(process, its acknowledgement file)]"""
        started = []
        for extra in [*LOADS.values(), None]:
            self.producers_started += 1
            number = self.producers_started
            path = self.workspace.path / f"acks-{number}"
            if extra is None:
                command = ["/usr/bin/python3", harness.REPOSITORY / "tests/clients/ack_producer.py", self.server.address,
                           topic, PARTITIONS, number, path]
            else:
                command = [harness.bin_dir() / "ack_recorder", "produce", "--broker", self.server.address,
                           "--topic", topic, "--partitions", PARTITIONS, "--producer", number,
                           "--acks-file", path, *extra]
            process = subprocess.Popen(harness.dying_with_parent(command), stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
            started.append((process, path))
            self.topics[topic].append(path)
        return started

    def kill_under_load(self, topic):
        producers = self.start_producers(topic)
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
            for process, _ in producers:
                process.send_signal(signal.SIGTERM)
            for process, _ in producers:
                process.wait(60)

    def restart(self, kills_first):
        for _ in range(kills_first):
            self.server.launch()
            time.sleep(self.random.uniform(0, 0.15))
            self.server.kill9()
            self.kills_in_recovery += 1
        self.slowest_start_s = max(self.slowest_start_s, self.server.start())

    def run_check(self, topic, paths):
        """(exit code, the numbers of ack_recorder's last line, all it printed)"""
        done = subprocess.run([harness.bin_dir() / "ack_recorder", "check", "--broker", self.server.address,
                               "--topic", topic, "--partitions", str(PARTITIONS), *paths],
                              capture_output=True, text=True, timeout=600)
        words = done.stdout.splitlines()[-1].split() if done.stdout else []
        return done.returncode, dict(zip(words[::2], words[1::2])), done.stdout + done.stderr

    def check_topic(self, topic):
        code, numbers, printed = self.run_check(topic, self.topics[topic])
        assert code == 0, f"{topic}:\n{printed}"
        return int(numbers["acknowledged"]), int(numbers["read"]), int(numbers["bytes"])

    def run_round(self, number):
        topic = self.new_topic(number) if number % ROUNDS_OF_TOPIC == 0 else next(reversed(self.topics))
        self.kill_under_load(topic)
        acknowledged = sum(path.read_bytes().count(b"\n") - 1 for path in self.topics[topic][-len(LOADS) - 1:])
        self.acknowledged += acknowledged
        self.restart(kills_first=self.random.choice([1, 2]) if number % 4 == 3 else 0)
        _, read, size_bytes = self.check_topic(topic)
        self.churn.check(self.server.port)
        print(f"round {number + 1}: {acknowledged:,} acknowledged in this round; {topic} read back: {read:,} messages, "
              f"{size_bytes:,} bytes", flush=True)

    def plant_and_check(self):
        """The check must fail on records that the log does not keep."""
        topic, paths = next(reversed(self.topics.items()))
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
            code, numbers, printed = self.run_check(topic, [planted if path == victim else path for path in paths])
            assert code == BROKEN_PROMISE and int(numbers["findings"]) > 0, f"{what} went unnoticed:\n{printed}"
        print(f"planted and noticed: {', '.join(plants)}")

    def run(self, rounds):
        self.server.start()
        began = time.monotonic()
        for number in range(rounds):
            self.run_round(number)
        for topic in self.topics:
            self.check_topic(topic)
        self.plant_and_check()
        self.server.stop_cleanly()
        print(f"{rounds} rounds in {time.monotonic() - began:.0f} s: {self.kills} kills under load, "
              f"{self.kills_in_recovery} during recovery; {self.producers_started} producers saw "
              f"{self.acknowledged:,} messages acknowledged and {self.churn.acknowledged} topics created or deleted; "
              f"slowest start {self.slowest_start_s:.2f} s; nothing lost, changed, moved or twice")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, help="default: a new one, printed")
    parser.add_argument("--bin-dir", help="instead of CLIENT_TEST_BIN_DIR")
    parser.add_argument("--work-dir", help="instead of CLIENT_TEST_WORK_DIR")
    parser.add_argument("server_flags", nargs="*")
    options = parser.parse_args()
    if options.bin_dir:
        os.environ["CLIENT_TEST_BIN_DIR"] = options.bin_dir
    if options.work_dir:
        os.environ["CLIENT_TEST_WORK_DIR"] = options.work_dir
    seed = random.SystemRandom().randrange(10**9) if options.seed is None else options.seed
    print(f"kill_test --rounds {options.rounds} --seed {seed} -- {' '.join(options.server_flags)}", flush=True)
    with harness.Workspace("kill") as workspace:
        Campaign(workspace, random.Random(seed), options.server_flags).run(options.rounds)


if __name__ == "__main__":
    sys.exit(main())
