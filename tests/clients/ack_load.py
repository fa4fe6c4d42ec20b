"""Load whose acknowledgements are recorded, on every kind of topic there is; and the check of them.

The tests that kill a server or cut its power share it. A topic kind is a name and the settings that a topic
of it is created with; a new kind needs a line in TOPIC_KINDS, and one in KINDS_THAT_MAY_LOSE_THEIR_TAIL if
a power cut may take what it had acknowledged last.
"""

import signal
import subprocess

import harness
import wire

PARTITIONS = 4
BROKEN_PROMISE = 3  # ack_recorder's exit code

TOPIC_KINDS = {
    "default": {},
    "kept-for-a-week": {"retention.ms": "604800000"},
    "batch": {"commit": "batch"},
    "rewritten": {"tail": "rewrite"},
    "rewritten-batch": {"commit": "batch", "tail": "rewrite", "flush.ms": "20"},
}
KINDS_THAT_MAY_LOSE_THEIR_TAIL = {"batch", "rewritten-batch"}

# Of each ack_recorder: what makes it different. None: python3-kafka.
LOADS = {
    "fast and small": ["--acks", "all", "--max-bytes", "300", "--rate", 30_000_000],
    "mixed sizes": ["--acks", "all", "--codec", "lz4", "--max-bytes", "100000", "--rate", 20_000_000],
    "acks=1": ["--acks", "1", "--codec", "zstd", "--max-bytes", "4000", "--rate", 5_000_000, "--linger-ms", 20],
    "python": None,
}


def create(connection, topic, kind):
    error = connection.create_topic(topic, PARTITIONS, settings=TOPIC_KINDS[kind])
    assert error == wire.NONE, f"topic {topic} ({kind}): refused with error {error}"


def start_producer(server, topic, number, path, extra):
    """A process that sends until stop(), and writes acknowledgements to `path`. `extra`: a value of LOADS."""
    if extra is None:
        command = ["/usr/bin/python3", harness.REPOSITORY / "tests/clients/ack_producer.py", server.address, topic,
                   PARTITIONS, number, path]
    else:
        command = [harness.bin_dir() / "ack_recorder", "produce", "--broker", server.address, "--topic", topic,
                   "--partitions", PARTITIONS, "--producer", number, "--acks-file", path, *extra]
    return subprocess.Popen(harness.dying_with_parent(command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def stop(processes):
    for process in processes:
        process.send_signal(signal.SIGTERM)
    for process in processes:
        process.wait(60)


def check(server, topic, paths):
    """(exit code, the numbers of ack_recorder's last line, all it printed)"""
    command = [harness.bin_dir() / "ack_recorder", "check", "--broker", server.address, "--topic", topic,
               "--partitions", PARTITIONS, *paths]
    done = subprocess.run(harness.dying_with_parent(command), capture_output=True, text=True, timeout=600)
    words = done.stdout.splitlines()[-1].split() if done.stdout else []
    return done.returncode, dict(zip(words[::2], words[1::2])), done.stdout + done.stderr
