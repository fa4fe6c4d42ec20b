#!/usr/bin/python3
"""Histories: real clients work on a real server that is killed with kill -9 again and again; then what they were
told and given is judged.

history_clients (librdkafka) outlives the server: idempotent producers, transactional ones that commit, abort, fall
silent and are fenced, groups of members that come and go, for committed messages and for all, and a pipeline that
makes results of orders in transactions with its group's offsets. A history is a few rounds, each a moment of work, a
kill -9 and a start, now and then killed too; then the clients come to an end, everything is read once more, and the
judge of the simulated histories (src/broker/testing/history_check.h) says whether every promise was kept. Each
history has topics of its own, of a kind that is drawn.

    history_test.py [--rounds N] [--rounds-of-history N] [--seed N] [-- FLAG_OF_PENSTOCK_SERVE ...]

The same seed makes the same plan; the moments are still the machine's. A history that breaks a promise stays in the
work directory, beside the workspace, and `history_clients check FILE` judges it again. The last step plants what no
server may do in the last history, and expects each to be found; the judge has a test of its own, history_check_test.
"""

import argparse
import collections
import random
import re
import shutil
import signal
import subprocess
import sys
import time

import ack_load
import harness
import wire

BROKEN_PROMISE = 3  # history_clients' exit code
ORDERS, RESULTS = "0", "1"  # the topics, as histories name them (history_workload.h)
PLANTED_PRODUCER = 2**32 - 1
END_TIMEOUT_S = 180
CHECK_TIMEOUT_S = 300
SETTINGS = {
    "groups.min_session_timeout": "1s",
    "groups.initial_rebalance_delay": "100ms",
    "transactions.check_interval": "200ms",
}


# librdkafka 2.0.2 has assertions that its own races break, rarely, when connections are lost in a transaction.
LIBRARY_ASSERTION = re.compile(r"rdkafka_\w+\.c:\d+: .*Assertion")
LIBRARY_ABORTS_MAX = 5  # of a campaign


class LibraryAborted(Exception):
    """The client library has ended the clients. Without their last readings there is nothing to judge."""


class Clients:
    """history_clients, at work on two topics of their own."""

    def __init__(self, server, name, seed, path):
        self.path = path
        self.log_path = path.with_suffix(".log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(harness.dying_with_parent([
                harness.bin_dir() / "history_clients", "run", "--broker", server.address, "--topics",
                *topics_of(name), "--partitions", ack_load.PARTITIONS, "--seed", seed, "--history", path]),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def assert_runs(self):
        if self.process.poll() is not None:
            self.assert_code(self.process.returncode)
            raise AssertionError("the clients have ended by themselves")

    def assert_code(self, code):
        text = self.log_path.read_text()
        if code == -signal.SIGABRT and LIBRARY_ASSERTION.search(text):
            raise LibraryAborted(text.strip())
        assert code == 0, f"the clients ended with {code}:\n{text}"

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"the clients have not come to an end within {END_TIMEOUT_S} s") from None
        self.assert_code(code)


def topics_of(name):
    return f"{name}-orders", f"{name}-results"


def check(path):
    """(exit code, the numbers of the last line, all that was printed)"""
    done = subprocess.run([harness.bin_dir() / "history_clients", "check", path], capture_output=True, text=True,
                          timeout=CHECK_TIMEOUT_S)
    words = done.stdout.splitlines()[-1].split() if done.stdout else []
    return done.returncode, {word: int(number) for word, number in zip(words[::2], words[1::2])}, \
        done.stdout + done.stderr


class Campaign:
    def __init__(self, workspace, seed, server_flags):
        self.workspace = workspace
        self.seed = seed
        self.random = random.Random(seed)
        flags = [word for name, value in SETTINGS.items() for word in ("--set", f"{name}={value}")]
        self.server = workspace.server("--shards", 2, *flags, *server_flags)
        self.kills = 0
        self.totals = collections.Counter()

    def kill_and_start(self):
        self.server.assert_runs()
        self.server.kill9()
        self.kills += 1
        if self.random.random() < 0.2:  # in recovery too
            self.server.launch()
            time.sleep(self.random.uniform(0, 0.15))
            self.server.kill9()
            self.kills += 1
        time.sleep(self.random.choice([0, 0, 0.3, 1.5]))  # longer than some clients wait
        self.server.start()

    def run_history(self, number, rounds):
        name = f"history-{number}"
        kind = self.random.choice(list(ack_load.TOPIC_KINDS))
        with wire.Connection(self.server.port) as connection:
            for topic in topics_of(name):
                ack_load.create(connection, topic, kind)
        path = self.workspace.path / f"{self.seed}-{number}.history"
        clients = Clients(self.server, name, self.random.randrange(2**32), path)
        for _ in range(rounds):
            time.sleep(self.random.uniform(0.2, 4))
            clients.assert_runs()
            self.kill_and_start()
        time.sleep(self.random.uniform(0, 2))
        try:
            clients.end()
            code, numbers, printed = check(path)
            assert code == 0, f"history {number} ({kind} topics) breaks a promise:\n{printed}"
        except AssertionError:
            kept = harness.work_dir() / path.name
            shutil.copy(path, kept)
            print(f"history {number}, of {kind} topics, is kept as {kept}", flush=True)
            raise
        self.totals.update(numbers)
        print(f"history {number}, {rounds} rounds, {kind} topics: {printed.strip()}", flush=True)
        with wire.Connection(self.server.port) as connection:
            for topic in topics_of(name):
                assert connection.delete_topic(topic) == wire.NONE
        return path

    def run(self, rounds, rounds_of_history):
        self.server.start()
        began = time.monotonic()
        histories = aborts = done = 0
        while done < rounds:
            count = min(rounds_of_history, rounds - done)
            try:
                path = self.run_history(histories + aborts, count)
            except LibraryAborted as abort:
                aborts += 1
                print(f"a history was cut short by the client library: {abort}", flush=True)
                assert aborts <= LIBRARY_ABORTS_MAX, "too often"
                continue
            done += count
            histories += 1
        plant_and_check(path, self.workspace.path / "planted.history")
        self.server.stop_cleanly()
        for what in ("acknowledged", "committed", "aborted", "read", "commits", "sights"):
            assert self.totals[what] > 0, f"nothing was {what}: the clients did not work"
        totals = ", ".join(f"{count:,} {what}" for what, count in self.totals.items() if what != "findings")
        print(f"{histories} histories of {rounds} rounds in {time.monotonic() - began:.0f} s, {self.kills} kills: "
              f"{totals}; every promise was kept", flush=True)


def plant_and_check(path, planted):
    """The judge must see what no server may do: it is planted in what the clients recorded."""
    lines = path.read_text().splitlines()
    of_kind = collections.defaultdict(list)
    for position, line in enumerate(lines):
        of_kind[line.split()[0]].append(position)

    def middle(positions):
        return positions[len(positions) // 2]

    def replaced(position, words):
        return [*lines[:position], " ".join(words), *lines[position + 1:]]

    acknowledged = lines[middle(of_kind["ack"])].split()
    read = middle(of_kind["read"])
    # What a reader of committed messages was given.
    places = {words[1]: words[3:5] for words in (lines[at].split() for at in of_kind["reading"]) if words[2] == "1"}
    given = lines[middle([at for at in of_kind["read"] if lines[at].split()[1] in places])].split()
    stored = middle(of_kind["all"])
    other = lines[of_kind["all"][0]].split()
    farthest = max((lines[at].split() for at in of_kind["sight"]), key=lambda sight: int(sight[4]))
    # Two results of one order, of a producer that there is not.
    order = " ".join(lines[middle([at for at in of_kind["committed"] if lines[at].split()[1] == ORDERS])].split()[1:4])
    results = [line for number in range(2) for line in (
        f"sent {PLANTED_PRODUCER} {number} {RESULTS} 0 -1 {order}",
        f"committed {RESULTS} 0 {10**12 + number} {PLANTED_PRODUCER} {number}")]
    plants = {
        "lost": [line for line in lines
                 if line.split()[0] not in ("all", "committed") or line.split()[4:6] != acknowledged[1:3]],
        "order": [*lines[:read], lines[read], *lines[read:]],
        "content": replaced(read, [*lines[read].split()[:3], "-", "0"]),
        "twice": replaced(stored, [*lines[stored].split()[:4], *other[4:6]]),
        "isolation": [line for line in lines
                      if line.split()[:4] != ["committed", *places[given[1]], given[2]]],
        "transaction": [" ".join([*line.split()[:2], "1", line.split()[3]]) if line.startswith("fate ") else line
                        for line in lines],
        "offset": [*lines, " ".join([*farthest[:4], "0", str(10**12), str(10**12 + 1)])],
        "once": [*lines, *results],
        "told": [*lines, "complaint planted"],
    }
    for rule, history in plants.items():
        planted.write_text("\n".join(history) + "\n")
        code, numbers, printed = check(planted)
        found = any(line.startswith(f"{rule}: ") for line in printed.splitlines())
        assert code == BROKEN_PROMISE and found, f"a break of \"{rule}\" went unnoticed:\n{printed}"
    print(f"planted and noticed: {', '.join(plants)}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--rounds-of-history", type=int, default=5)
    parser.add_argument("server_flags", nargs="*")
    options = harness.parse_campaign(parser)
    print(f"history_test --rounds {options.rounds} --rounds-of-history {options.rounds_of_history} "
          f"--seed {options.seed} -- {' '.join(options.server_flags)}", flush=True)
    with harness.Workspace("history") as workspace:
        Campaign(workspace, options.seed, options.server_flags).run(options.rounds, options.rounds_of_history)


if __name__ == "__main__":
    sys.exit(main())
