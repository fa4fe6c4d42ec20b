#!/usr/bin/python3
"""kcat and python3-kafka write messages through a server, and both read every one of them back.

10 partitions of a topic that was created, and all of one that came to be by being asked for; 4 kcat and 4
python3-kafka producers at a time, a kcat consumer on every partition meanwhile, and 4 python3-kafka consumers
afterwards. All codecs; binary values of 0 bytes to about 100 KB; keys and headers. Every byte is compared, and so is the order: the messages of one job are in its order, offsets
have no gaps.

Messages are a function of (job, index), so nothing but the seed is shared between writer and reader.
"""

import argparse
import multiprocessing
import random
import sys
import threading
import time
from collections import Counter, namedtuple
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import harness
import wire

MESSAGES = 200_000
MESSAGES_BY_PYTHON = 20_000
MESSAGES_OF_KCAT_JOB = 4_000
MESSAGES_OF_PYTHON_JOB = 1_000
CREATED_TOPIC, AUTO_TOPIC = "round-trip-created", "round-trip-auto"
PARTITIONS = 10
PRODUCERS = CONSUMERS = 4
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
ACKS = ["all", "1"]
TIMEOUT_S = 240

# kcat splits its input at these; make_pool leaves no such bytes in a value.
MESSAGE_END, KEY_END = b"<|END|>", b"<|KEY|>"

# A run of messages that one producer sends to one partition.
Job = namedtuple("Job", "number client codec acks topic partition count")


def make_pool():
    """Binary bytes that compress to about half."""
    source = random.Random(20_000)
    words = [source.randbytes(16) for _ in range(64)]
    pool = b"".join(source.choice(words) + source.randbytes(8) for _ in range(16_384))
    return pool.replace(b"<", b">")


POOL = make_pool()
MAX_VALUE_BYTES = 100_000
assert len(POOL) > 2 * MAX_VALUE_BYTES


def make_message(job_number, index):
    """(key, value) of one message of a job."""
    source = random.Random(job_number * 1_000_003 + index)
    kind = source.random()
    if kind < 0.02:
        size = 0
    elif kind < 0.72:
        size = source.randrange(1, 200)
    elif kind < 0.97:
        size = source.randrange(200, 2_000)
    elif kind < 0.997:
        size = source.randrange(2_000, 10_000)
    else:
        size = source.randrange(10_000, MAX_VALUE_BYTES)
    start = source.randrange(len(POOL) - size)
    return b"%d-%d" % (job_number, index), POOL[start:start + size]


def plan(auto_partitions, scale):
    """All jobs. `scale` 1.0 is the 200,000 messages of the full test. One job in five goes to the
    auto-created topic; within a topic the jobs go round its partitions, and each round starts with
    another codec."""
    jobs = []

    def add(client, messages, messages_of_job):
        turns = Counter()
        for number in range(int(messages * scale) // messages_of_job):
            topic, partitions = (AUTO_TOPIC, auto_partitions) if number % 5 == 4 else (CREATED_TOPIC, PARTITIONS)
            round_number, partition = divmod(turns[topic], partitions)
            codec = CODECS[(turns[topic] + round_number) % len(CODECS)]
            turns[topic] += 1
            jobs.append(Job(len(jobs), client, codec, ACKS[number % 2], topic, partition, messages_of_job))

    add("kcat", MESSAGES - MESSAGES_BY_PYTHON, MESSAGES_OF_KCAT_JOB)
    add("python", MESSAGES_BY_PYTHON, MESSAGES_OF_PYTHON_JOB)
    return jobs


class Checker:
    """Takes the messages of some partitions in reading order; complains at the first wrong one."""

    def __init__(self, jobs, reader):
        self.jobs = {job.number: job for job in jobs}
        self.reader = reader
        self.next_index = Counter()
        self.next_offset = Counter()
        self.bytes = 0

    def see(self, topic, partition, offset, key, value, headers):
        where = f"{self.reader}: {topic}/{partition} at {offset}"
        number, index = (int(part) for part in key.split(b"-"))
        job = self.jobs.get(number)
        assert job and (job.topic, job.partition) == (topic, partition), f"{where}: {key} does not belong here"
        assert index == self.next_index[number], \
            f"{where}: message {index} of job {number} ({job.client}, {job.codec}), expected {self.next_index[number]}"
        assert offset == self.next_offset[topic, partition], \
            f"{where}: expected offset {self.next_offset[topic, partition]}"
        assert value == make_message(number, index)[1], \
            f"{where}: other bytes than job {number} ({job.client}, {job.codec}) sent as message {index}"
        assert headers == [("job", b"%d" % number)], f"{where}: headers {headers}"
        self.next_index[number] += 1
        self.next_offset[topic, partition] += 1
        self.bytes += len(value)

    def finish(self):
        for job in self.jobs.values():
            assert self.next_index[job.number] == job.count, \
                f"{self.reader}: {self.next_index[job.number]} of {job.count} messages of {job}"


# kcat.


def kcat_produce(address, directory, job):
    path = directory / f"job-{job.number}"
    with open(path, "wb") as file:
        for index in range(job.count):
            key, value = make_message(job.number, index)
            file.write(key + KEY_END + value + MESSAGE_END)
    harness.run(["kcat", "-P", "-b", address, "-t", job.topic, "-p", job.partition, "-z", job.codec,
                 "-X", f"acks={job.acks}", "-X", "message.send.max.retries=0",
                 "-D", MESSAGE_END.decode(), "-K", KEY_END.decode(), "-H", f"job={job.number}", "-l", path],
                timeout_s=TIMEOUT_S)
    path.unlink()


def parse_kcat(output):
    """The messages of kcat's output in the format below: (offset, key, value, headers)."""
    at = 0
    while at < len(output):
        end = output.index(b"\n", at)
        offset, key_size, value_size, headers = output[at:end].split(b" ", 3)
        key_at = end + 1
        value_at = key_at + int(key_size)
        at = value_at + int(value_size) + 1
        name, _, value = headers.partition(b"=")
        yield int(offset), output[key_at:value_at], output[value_at:at - 1], [(name.decode(), value)]


def kcat_consume(address, topic, partition, jobs):
    """Reads a partition that may still be written; returns how many bytes of values it compared."""
    jobs = [job for job in jobs if (job.topic, job.partition) == (topic, partition)]
    expected = sum(job.count for job in jobs)
    checker = Checker(jobs, "kcat")
    if expected:
        output = harness.run(["kcat", "-C", "-q", "-b", address, "-t", topic, "-p", partition, "-o", "beginning",
                              "-X", "check.crcs=true", "-c", expected, "-f", r"%o %K %S %h\n%k%s\n"],
                             timeout_s=TIMEOUT_S)
        for offset, key, value, headers in parse_kcat(output):
            checker.see(topic, partition, offset, key, value, headers)
    checker.finish()
    return checker.bytes


# python3-kafka, in processes of their own.


def python_produce(address, jobs):
    from kafka import KafkaProducer
    for job in jobs:
        producer = KafkaProducer(bootstrap_servers=address, acks=job.acks if job.acks == "all" else int(job.acks),
                                 compression_type=None if job.codec == "none" else job.codec, linger_ms=5,
                                 batch_size=1 << 16, retries=0)
        sent = []
        for index in range(job.count):
            key, value = make_message(job.number, index)
            sent.append(producer.send(job.topic, value, key, [("job", b"%d" % job.number)], job.partition))
        offsets = [future.get(TIMEOUT_S).offset for future in sent]
        assert offsets == sorted(set(offsets)), f"{job}: acknowledged offsets are not ascending"
        producer.close()


def python_consume(address, partitions, jobs):
    from kafka import KafkaConsumer, TopicPartition
    jobs = [job for job in jobs if (job.topic, job.partition) in partitions]
    checker = Checker(jobs, "python3-kafka")
    consumer = KafkaConsumer(bootstrap_servers=address, group_id=None, enable_auto_commit=False,
                             consumer_timeout_ms=30_000)
    assigned = [TopicPartition(topic, partition) for topic, partition in partitions]
    consumer.assign(assigned)
    consumer.seek_to_beginning(*assigned)
    for message in islice(consumer, sum(job.count for job in jobs)):
        checker.see(message.topic, message.partition, message.offset, message.key, message.value, message.headers)
    consumer.close()
    checker.finish()
    return checker.bytes


def in_processes(function, argument_lists):
    """Runs function(*arguments) for each list at the same time, each in a Python of its own."""
    with multiprocessing.get_context("spawn").Pool(len(argument_lists)) as pool:
        results = [pool.apply_async(function, arguments) for arguments in argument_lists]
        return [result.get(TIMEOUT_S) for result in results]


def create_topics(server):
    """Returns how many partitions the auto-created topic got."""
    with wire.Connection(server.port) as connection:
        assert connection.create_topic(CREATED_TOPIC, PARTITIONS) == wire.NONE

        def auto_created():
            topic = connection.metadata([AUTO_TOPIC], auto_create=True)[AUTO_TOPIC]
            return topic.partitions if topic.error == wire.NONE else None

        partitions = harness.wait_until(auto_created, 10, "the automatic creation of a topic")
        return len(partitions)


def all_codecs_are_there():
    from kafka import codec
    missing = [name for name in CODECS[1:] if not getattr(codec, f"has_{name}")()]
    assert not missing, f"python3-kafka lacks {missing}: run scripts/setup"


def round_trip(server, directory, scale):
    jobs = plan(create_topics(server), scale)
    partitions = sorted({(job.topic, job.partition) for job in jobs})
    kcat_jobs = [job for job in jobs if job.client == "kcat"]
    python_jobs = [job for job in jobs if job.client == "python"]

    began = time.monotonic()
    with ThreadPoolExecutor(len(partitions)) as consumers, ThreadPoolExecutor(PRODUCERS) as producers:
        reading = [consumers.submit(kcat_consume, server.address, topic, partition, jobs)
                   for topic, partition in partitions]
        writing = [producers.submit(kcat_produce, server.address, directory, job) for job in kcat_jobs]
        in_processes(python_produce, [(server.address, python_jobs[i::PRODUCERS]) for i in range(PRODUCERS)])
        for done in writing:
            done.result()
        written = time.monotonic()
        compared = sum(done.result() for done in reading)
    read_by_kcat = time.monotonic()
    compared += sum(in_processes(python_consume, [(server.address, partitions[i::CONSUMERS], jobs)
                                                  for i in range(CONSUMERS)]))
    ended = time.monotonic()
    server.assert_runs()
    server.stop_cleanly()

    by_codec = Counter((job.client, job.codec) for job in jobs)
    fewest = min(by_codec[client, codec] for client in ("kcat", "python") for codec in CODECS)
    print(f"{sum(job.count for job in jobs):,} messages ({sum(job.count for job in python_jobs):,} of them by "
          f"python3-kafka) in {len(jobs)} jobs to {len(partitions)} partitions, codecs {', '.join(CODECS)} "
          f"(at least {fewest} jobs of each by each client)")
    print(f"{compared:,} bytes of values compared: read by kcat while they were written, then by python3-kafka")
    print(f"written after {written - began:.1f} s, read by kcat after {read_by_kcat - began:.1f} s, by "
          f"python3-kafka after {ended - began:.1f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--scale", type=float, default=1.0, help="1 = 200,000 messages")
    options = parser.parse_args()
    all_codecs_are_there()
    with harness.Workspace("round_trip") as workspace:
        server = workspace.server()
        server.start()
        round_trip(server, workspace.path, options.scale)


if __name__ == "__main__":
    sys.exit(main())
