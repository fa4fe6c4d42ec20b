"""Starts and stops real `penstock serve` processes for the tests of this folder.

A Workspace is one test's directory, on a real file system under the build directory; it goes away at the
end, also after a failure (which prints the servers' logs first). A Server is one `penstock serve` in it, on
a loopback port that the system chose; only the process that was started here is ever signalled, and it dies
with the test.

Where things are comes from the environment, with defaults for `make build`:
  CLIENT_TEST_BIN_DIR   the directory of penstock and ack_recorder   (build/release/bin)
  CLIENT_TEST_WORK_DIR  where workspaces are made                    (build/release/test-data)
"""

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SKIPPED = 77  # ctest's SKIP_RETURN_CODE for these tests

READY_TIMEOUT_S = 60  # includes recovery
STOP_TIMEOUT_S = 30


def bin_dir():
    return Path(os.environ.get("CLIENT_TEST_BIN_DIR", REPOSITORY / "build/release/bin")).resolve()


def work_dir():
    return Path(os.environ.get("CLIENT_TEST_WORK_DIR", REPOSITORY / "build/release/test-data")).resolve()


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def parse_campaign(parser):
    """Parses the command line of a campaign: `parser`'s own options, where things are, and a seed, which is drawn when
    none is given."""
    parser.add_argument("--seed", type=int, help="default: a new one, printed")
    parser.add_argument("--bin-dir", help="instead of CLIENT_TEST_BIN_DIR")
    parser.add_argument("--work-dir", help="instead of CLIENT_TEST_WORK_DIR")
    options = parser.parse_args()
    if options.bin_dir:
        os.environ["CLIENT_TEST_BIN_DIR"] = options.bin_dir
    if options.work_dir:
        os.environ["CLIENT_TEST_WORK_DIR"] = options.work_dir
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(10**9)
    return options


def wait_until(condition, timeout_s, what, poll_s=0.02):
    """Polls `condition` and returns its first true value; fails with `what` when the time is over."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {timeout_s} s")
        time.sleep(poll_s)


class Workspace:
    """A directory of its own for one test, and the servers that run in it."""

    def __init__(self, name):
        work_dir().mkdir(parents=True, exist_ok=True)
        self.path = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=work_dir()))
        self.servers = []

    def __enter__(self):
        return self

    def __exit__(self, error_type, *_):
        self.close(failed=error_type not in (None, SystemExit))

    def server(self, *flags, name="server", data_dir=None):
        """A server that is not started yet. `flags` go to `penstock serve` as they are."""
        server = Server(self.path, name, data_dir or self.path / f"{name}-data", flags)
        self.servers.append(server)
        return server

    def close(self, failed=False):
        for server in self.servers:
            server.kill9()
            if failed:
                print(f"--- log of {server.name}:\n{server.log_tail()}--- end of log", flush=True)
        shutil.rmtree(self.path, ignore_errors=True)


class WorkspaceTestCase(unittest.TestCase):
    """A workspace for each test."""

    def setUp(self):
        self.workspace = Workspace(type(self).__name__)
        self.addCleanup(lambda: self.workspace.close(failed=not self._outcome.success))


class ServerTestCase(unittest.TestCase):
    """One server for all tests of the class; it has to be running after each."""

    @classmethod
    def setUpClass(cls):
        cls.failed = False
        cls.workspace = Workspace(cls.__name__)
        cls.addClassCleanup(lambda: cls.workspace.close(cls.failed))
        cls.server = cls.workspace.server()
        cls.server.start()

    def setUp(self):
        self.addCleanup(self.note_failure)

    def note_failure(self):
        type(self).failed |= not self._outcome.success

    def tearDown(self):
        self.server.assert_runs()


def dying_with_parent(command):
    """`command`, as one that the kernel kills when the thread that started it ends, however that ends."""
    return ["setpriv", "--pdeathsig", "KILL", "--", *(str(part) for part in command)]


class Server:
    """One `penstock serve`. Start it from a thread that outlives it: it dies with the one that started it."""

    READY = re.compile(r"listening on 127\.0\.0\.1:(\d+)")
    ADMIN = re.compile(r"^admin: http://(127\.0\.0\.1:\d+) ", re.MULTILINE)

    def __init__(self, directory, name, data_dir, flags):
        self.name = name
        self.data_dir = Path(data_dir)
        self.flags = flags
        self.log_path = directory / f"{name}.log"
        self.log_path.touch()
        self.process = None
        self.port = 0  # the system's choice at the first start, kept after it

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def admin_address(self):
        """The admin port of the running server: the system's choice at each start."""
        return self.ADMIN.search(self.log_of_this_start()).group(1)

    def command(self):
        return [bin_dir() / "penstock", "serve", "--data", self.data_dir, "--listen", self.address,
                "--admin-listen", "127.0.0.1:0", *self.flags]

    def launch(self):
        """Starts the process without waiting for it to be ready."""
        assert self.process is None, f"{self.name} runs already"
        self.start_mark = self.log_mark()
        # The server takes PENSTOCK_* as settings; those of the person who runs the tests are not meant.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK_")}
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(dying_with_parent(self.command()), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env=environment)

    def start(self, timeout_s=READY_TIMEOUT_S):
        """Starts the process and waits for its ready line; returns how long that took, in seconds."""
        began = time.monotonic()
        self.launch()

        def ready():
            code = self.process.poll()
            assert code is None, f"{self.name} ended with {code} before it was ready:\n{self.log_tail()}"
            return self.READY.search(self.log_since(self.start_mark))

        self.port = int(wait_until(ready, timeout_s, f"{self.name}'s line 'listening on 127.0.0.1:PORT'",
                                   poll_s=0.005).group(1))
        return time.monotonic() - began

    def run_to_exit(self, timeout_s=STOP_TIMEOUT_S):
        """For a start that must be refused: returns the exit code and everything that was printed."""
        self.launch()
        return self.wait_for_exit(timeout_s), self.log_since(self.start_mark)

    def wait_for_exit(self, timeout_s=STOP_TIMEOUT_S):
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} has not ended within {timeout_s} s") from None
        self.process = None
        return code

    def stop(self, by=signal.SIGTERM, timeout_s=STOP_TIMEOUT_S):
        """Asks the server to end, and returns its exit code."""
        self.process.send_signal(by)
        return self.wait_for_exit(timeout_s)

    def stop_cleanly(self):
        code = self.stop()
        assert code == 0, f"{self.name} ended with {code} on SIGTERM:\n{self.log_tail()}"

    def kill9(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def assert_runs(self):
        code = self.process.poll()
        assert code is None, f"{self.name} has ended by itself, with {code}:\n{self.log_tail()}"

    # The log: everything that the process wrote to standard output and standard error.

    def log_mark(self):
        return self.log_path.stat().st_size

    def log_since(self, mark):
        with open(self.log_path, "rb") as log:
            log.seek(mark)
            return log.read().decode(errors="replace")

    def log_of_this_start(self):
        return self.log_since(self.start_mark)

    def log_tail(self, lines=60):
        return "".join(self.log_since(0).splitlines(keepends=True)[-lines:])

    def wait_for_log(self, pattern, mark, timeout_s=10):
        return wait_until(lambda: re.search(pattern, self.log_since(mark)), timeout_s,
                          f"a log line that matches '{pattern}'")

    def connect(self, timeout_s=10):
        return socket.create_connection(("127.0.0.1", self.port), timeout_s)


def run(command, timeout_s=120, stdin=b"", check=True):
    """Runs a client program to its end and returns what it printed on standard output, as bytes."""
    done = subprocess.run(dying_with_parent(command), input=stdin, capture_output=True, timeout=timeout_s)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n"
                             f"{done.stderr.decode(errors='replace')[-2000:]}")
    return done.stdout


def run_client(name, command, timeout_s, **environment):
    """Runs a client's own tests, which take HOST:PORT as their last word, against a new server; they print what they
    find as they go. Returns the exit code for this process."""
    with Workspace(name) as workspace:
        # What members of the new group protocol cannot ask for themselves.
        server = workspace.server("--shards", 2, "--set", "groups.initial_rebalance_delay=300ms",
                                  "--set", "groups.consumer_session_timeout=6s",
                                  "--set", "groups.consumer_heartbeat_interval=300ms")
        server.start()
        done = subprocess.run(dying_with_parent([*command, server.address]), env=os.environ | environment,
                              timeout=timeout_s)
        server.assert_runs()
        assert done.returncode == 0, f"the tests of {name} ended with {done.returncode}"
        server.stop_cleanly()
    return 0
