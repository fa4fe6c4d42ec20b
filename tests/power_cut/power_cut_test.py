#!/usr/bin/python3
"""Power cuts under a real server on a real file system: recovery keeps every acknowledged message.

`penstock serve` runs on a recorded device under load (power_cuts.py), on topics of every kind
(tests/clients/ack_load.py). On each image of what a power cut could have left a server starts, and all
messages that were acknowledged before the cut are read and compared: at their offsets, with their bytes, in
order, none twice. Of a topic that may lose its tail, what is there has to be a prefix.

    power_cut_test.py [--images N] [--load-seconds N] [--file-systems ext4,xfs] [--seed N]
"""

import sys
import time

import power_cuts

import ack_load
import harness
import wire

FIRST_ACKS_TIMEOUT_S = 30
SERVER_FLAGS = ["--shards", 2, "--set", "storage.segment_bytes=8MiB"]
# The log keeps all that is written: slower than those of ack_load.LOADS.
LOADS = [
    ["--acks", "all", "--max-bytes", "300", "--rate", 500_000],
    ["--acks", "1", "--codec", "lz4", "--max-bytes", "40000", "--rate", 1_000_000],
]


class ServerCuts(power_cuts.PowerCuts):
    def __init__(self, workspace, file_system, random_source):
        super().__init__(workspace, file_system, random_source)
        self.topics = {f"cut-{kind}": kind for kind in ack_load.TOPIC_KINDS}
        self.topics_that_may_lose_their_tail = {topic for topic, kind in self.topics.items()
                                                if kind in ack_load.KINDS_THAT_MAY_LOSE_THEIR_TAIL}
        self.acks = [(topic, workspace.path / f"acks-{file_system}-{topic}-{number}")
                     for topic in self.topics for number in range(len(LOADS))]
        self.ack_paths = [path for _, path in self.acks]
        self.lost_tails = 0

    def run_load(self, mount, load_seconds):
        server = self.workspace.server(*SERVER_FLAGS, name=f"recorded-{self.file_system}", data_dir=mount / "data")
        producers = []
        try:
            server.start()
            with wire.Connection(server.port) as connection:
                for topic, kind in self.topics.items():
                    ack_load.create(connection, topic, kind)
            with self.marked():
                for number, (topic, path) in enumerate(self.acks):
                    load = LOADS[number % len(LOADS)]
                    producers.append(ack_load.start_producer(server, topic, number + 1, path, load))
                for path in self.ack_paths:
                    harness.wait_until(lambda path=path: path.exists() and path.read_bytes().count(b"\n") > 1,
                                       FIRST_ACKS_TIMEOUT_S, f"first acknowledgement in {path.name}")
                time.sleep(load_seconds)
                server.assert_runs()
        finally:
            ack_load.stop(producers)
            server.kill9()

    def acknowledged_before(self, cut, topic, ends):
        """Files of the topic's acknowledgements before `cut`; those at or behind `ends` (if any) left out."""
        paths = []
        for (of_topic, path), size in zip(self.acks, self.marks.sizes_at(cut)):
            if of_topic != topic:
                continue
            with open(path, "rb") as file:
                whole_lines = file.read(size).decode().rpartition("\n")[0].split("\n")
            head, lines = whole_lines[0] or "producer 0", whole_lines[1:]
            kept = [line for line in lines if ends is None or int(line.split()[1]) < ends[int(line.split()[0])]]
            self.lost_tails += len(lines) - len(kept)
            paths.append(self.workspace.path / f"required-{path.name}")
            paths[-1].write_text("".join(f"{line}\n" for line in [head, *kept]))
        return paths

    def check_topics(self, server, cut, may_lose_tail):
        """What is wrong with the topics, as text; None when all is there. `may_lose_tail`: topics."""
        wrong = []
        for topic in self.topics:
            ends = None
            if topic in may_lose_tail:
                with wire.Connection(server.port) as connection:
                    ends = {partition: connection.list_offset(topic, partition, wire.LATEST).offset
                            for partition in range(ack_load.PARTITIONS)}
            code, numbers, printed = ack_load.check(server, topic, self.acknowledged_before(cut, topic, ends))
            assert code in (0, ack_load.BROKEN_PROMISE), f"{topic} cannot be read:\n{printed}"
            if code != 0:
                wrong.append(f"{topic}:\n{printed}")
            self.checked += int(numbers["acknowledged"])
        return "\n".join(wrong) or None

    def check(self, mount, cut, may_lose_tail=None):
        """`may_lose_tail`: topics, if not those whose kind says so."""
        if may_lose_tail is None:
            may_lose_tail = self.topics_that_may_lose_their_tail
        server = self.workspace.server(*SERVER_FLAGS, name="after-the-cut", data_dir=mount / "data")
        try:
            server.start()
            return self.check_topics(server, cut, may_lose_tail)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{server.log_tail()}") from error
        finally:
            server.kill9()
            self.workspace.servers.remove(server)

    def notice_a_lying_device(self):
        """The promise to lose nothing is broken then, and the promise to keep a prefix is not."""
        self.make_lying_image()
        found_before = self.checked, self.lost_tails
        wrong = self.check_image(self.end, may_lose_tail=set())
        assert wrong is not None, "a device that lost half of the load went unnoticed"
        wrong = self.check_image(self.end, may_lose_tail=set(self.topics))
        assert wrong is None, f"what a lying device left is no prefix:\n{wrong}"
        assert self.lost_tails > found_before[1], "a lying device lost nothing"
        self.checked, self.lost_tails = found_before

    def summary(self):
        return (f"{super().summary()}; {self.checked:,} acknowledged messages required and found; "
                f"{self.lost_tails:,} lost at tails that may be lost")


if __name__ == "__main__":
    sys.exit(power_cuts.run_campaign("power_cut", __doc__, ServerCuts))
