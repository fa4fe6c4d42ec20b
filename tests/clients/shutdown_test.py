#!/usr/bin/python3
"""How a server starts, refuses to start, and stops."""

import re
import signal
import socket
import subprocess
import time
import unittest
from pathlib import Path

import harness
import wire
from harness import bin_dir

EXIT_FAILED, EXIT_USAGE, EXIT_SECOND_SIGTERM = 1, 2, 143
STOP_BOUND_S = 15
TOPIC = "load"
CLEAN_START = r"clean shutdown at .*nothing to scan"
UNCLEAN_START = r"recovering after an unclean stop: scanned [1-9]"


class ServerTest(harness.WorkspaceTestCase):
    def started(self, *flags, **options):
        server = self.workspace.server(*flags, **options)
        server.start()
        return server

    def producer(self, server, number):
        """A process that produces as fast as it can; its acknowledgements are in acks-NUMBER."""
        command = [bin_dir() / "ack_recorder", "produce", "--broker", server.address, "--topic", TOPIC,
                   "--partitions", 4, "--producer", number, "--rate", 30_000_000,
                   "--acks-file", self.workspace.path / f"acks-{number}"]
        process = subprocess.Popen(harness.dying_with_parent(command), stdout=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def create_topic(self, server):
        with wire.Connection(server.port) as connection:
            self.assertEqual(connection.create_topic(TOPIC, 4), wire.NONE)

    def wait_for_acks(self, number, count=1000):
        path = self.workspace.path / f"acks-{number}"
        harness.wait_until(lambda: path.exists() and path.read_bytes().count(b"\n") > count, 20,
                           f"{count} acknowledged messages")

    def check_log(self, server, numbers):
        harness.run([bin_dir() / "ack_recorder", "check", "--broker", server.address, "--topic", TOPIC,
                     "--partitions", 4, *(self.workspace.path / f"acks-{number}" for number in numbers)])


class StopTest(ServerTest):
    def stop_under_load(self, by):
        server = self.started()
        self.create_topic(server)
        producers = [self.producer(server, number) for number in (1, 2)]
        for number in (1, 2):
            self.wait_for_acks(number)
        with wire.Connection(server.port) as waiting:
            # A consumer that waits for a message that does not come holds nothing up either.
            waiting.send(wire.frame(wire.header(wire.FETCH, 4) +
                                    wire.fetch_body(TOPIC, {0: 0}, max_wait_ms=120_000, min_bytes=1 << 30)))
            began = time.monotonic()
            self.assertEqual(server.stop(by), 0)
            self.assertLess(time.monotonic() - began, STOP_BOUND_S)
        for process in producers:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        server.start()
        self.assertRegex(server.log_of_this_start(), CLEAN_START)
        self.check_log(server, (1, 2))
        server.stop_cleanly()

    def test_sigterm_under_load_stops_cleanly_and_loses_nothing(self):
        self.stop_under_load(signal.SIGTERM)

    def test_ctrl_c_does_the_same(self):
        self.stop_under_load(signal.SIGINT)

    def test_a_second_sigterm_ends_it_at_once_and_the_next_start_is_as_good(self):
        server = self.started()
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.005)
        if server.process.poll() is None:
            server.process.send_signal(signal.SIGTERM)
        self.assertIn(server.wait_for_exit(5), (0, EXIT_SECOND_SIGTERM, -signal.SIGTERM))
        server.start()

    def test_kill_9_is_noticed_at_the_next_start(self):
        server = self.started()
        self.create_topic(server)
        producer = self.producer(server, 1)
        self.wait_for_acks(1)
        server.kill9()
        producer.send_signal(signal.SIGTERM)
        producer.wait(30)
        server.start()
        self.assertNotRegex(server.log_of_this_start(), CLEAN_START)
        self.assertRegex(server.log_of_this_start(), UNCLEAN_START)
        self.check_log(server, (1,))

    def test_an_idle_server_stops_and_starts_many_times(self):
        server = self.workspace.server()
        for _ in range(5):
            server.start()
            server.stop_cleanly()


class StartTest(ServerTest):
    def test_the_start_says_address_data_directory_and_io_mode_and_a_line_to_try(self):
        server = self.started()
        printed = server.log_of_this_start()
        self.assertIn(server.address, printed)
        self.assertIn(str(server.data_dir), printed)
        self.assertRegex(printed, r"\b(direct|uncached|buffered)\b")

    def test_the_printed_kcat_line_works(self):
        server = self.started()
        command = re.search(r"^try: (.*kcat .*)$", server.log_of_this_start(), re.MULTILINE).group(1)
        printed = subprocess.run(["bash", "-c", command], stdin=subprocess.DEVNULL, capture_output=True, timeout=30)
        self.assertEqual(printed.returncode, 0, (command, printed.stderr))
        self.assertIn(b"hello", printed.stdout)

    def test_the_data_directory_is_created(self):
        server = self.started(data_dir=self.workspace.path / "not" / "there" / "yet")
        self.assertTrue(server.data_dir.is_dir())

    def assert_refuses(self, server, code, *patterns):
        found, printed = server.run_to_exit()
        self.assertEqual(found, code, printed)
        for pattern in patterns:
            self.assertRegex(printed, pattern)
        self.assertNotRegex(printed, harness.Server.READY)

    def test_a_second_server_on_the_same_data_refuses_and_the_first_goes_on(self):
        first = self.started()
        second = self.workspace.server(name="second", data_dir=first.data_dir)
        self.assert_refuses(second, EXIT_FAILED, re.escape(str(first.data_dir)), r"(?i)in use|locked|another")
        with wire.Connection(first.port) as connection:
            connection.api_versions()

    def test_the_lock_is_free_again_after_kill_9(self):
        server = self.started()
        server.kill9()
        server.start()

    def test_a_port_in_use_is_refused_with_its_number(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            server = self.workspace.server()
            server.port = taken.getsockname()[1]
            self.assert_refuses(server, EXIT_FAILED, str(server.port), r"(?i)in use")

    def test_a_port_of_another_server_is_refused(self):
        # SO_REUSEPORT alone would let two servers share the port.
        first = self.started()
        second = self.workspace.server(name="second")
        second.port = first.port
        self.assert_refuses(second, EXIT_FAILED, str(first.port), r"(?i)in use")

    def test_a_data_directory_that_is_a_file_is_refused(self):
        path = self.workspace.path / "a-file"
        path.write_text("not a directory")
        self.assert_refuses(self.workspace.server(data_dir=path), EXIT_FAILED, re.escape(str(path)))

    def test_a_data_directory_that_cannot_be_written_is_refused(self):
        # Even root cannot write here.
        self.assert_refuses(self.workspace.server(data_dir=Path("/proc/penstock-data")), EXIT_FAILED,
                            "/proc/penstock-data")

    def test_wrong_usage_is_exit_code_2_and_names_the_flag(self):
        for flags, named in [(["--no-such-flag"], "no-such-flag"),
                             (["--set", "no.such_key=1"], "no.such_key"),
                             (["--shards", "none"], "shards"),
                             (["--shards", "-1"], "shards")]:
            with self.subTest(flags=flags):
                server = self.workspace.server(*flags, name=f"usage{len(self.workspace.servers)}")
                self.assert_refuses(server, EXIT_USAGE, named)

    def test_a_wrong_address_is_wrong_usage(self):
        for address in ["127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", ":::"]:
            with self.subTest(address=address):
                done = self.run_cli("serve", "--data", self.workspace.path / "data", "--listen", address)
                self.assertEqual(done.returncode, EXIT_USAGE, done.stderr)

    def test_a_configuration_file_sets_keys_and_its_mistakes_are_named(self):
        config = self.workspace.path / "penstock.toml"
        config.write_text("[storage]\nsegment_bytes = \"not a size\"\n")
        server = self.workspace.server("--config", config, name="bad-value")
        self.assert_refuses(server, EXIT_USAGE, "segment_bytes")
        config.write_text("[log\n")
        server = self.workspace.server("--config", config, name="bad-syntax")
        self.assert_refuses(server, EXIT_USAGE, re.escape(str(config)))
        server = self.workspace.server("--config", self.workspace.path / "missing.toml", name="no-file")
        self.assert_refuses(server, EXIT_USAGE, "missing.toml")

    # The command line itself.

    def run_cli(self, *arguments):
        return subprocess.run([bin_dir() / "penstock", *map(str, arguments)], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=30)

    def test_help_is_there_for_every_command(self):
        for command in [[], ["serve"], ["topic"], ["topic", "create"], ["topic", "list"], ["topic", "describe"],
                        ["topic", "delete"], ["doctor"], ["log"], ["log", "dump"], ["log", "verify"]]:
            with self.subTest(command=command):
                done = self.run_cli(*command, "--help")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn("Usage", done.stdout)

    def test_no_command_and_an_unknown_command_are_wrong_usage(self):
        for arguments in ([], ["frobnicate"], ["topic"], ["topic", "frobnicate"]):
            with self.subTest(arguments=arguments):
                done = self.run_cli(*arguments)
                self.assertEqual(done.returncode, EXIT_USAGE, done.stderr)
                self.assertIn("Usage", done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
