#!/usr/bin/python3
"""`penstock bench` as a person uses it: small runs of disk and stream, their files, an interruption, a broker that runs
already, and what is left behind.
"""

import json
import os
import signal
import subprocess
import time
import unittest
from pathlib import Path

import harness

PENSTOCK = harness.bin_dir() / "penstock"
SMALL = ["--warmup", "0.5", "--rate", "500", "--producers", "2", "--consumers", "2",
         "--partitions", "2", "--no-client-limit"]
SHORT = [*SMALL, "--seconds", "1"]


def bench(*words, timeout_s=240):
    return subprocess.run([PENSTOCK, "bench", *map(str, words)], capture_output=True, text=True, timeout=timeout_s,
                          check=False)


class Bench(harness.WorkspaceTestCase):
    def setUp(self):
        super().setUp()
        self.path = self.workspace.path

    def assert_nothing_left(self, *known):
        left = {path.name for path in self.path.iterdir()} - set(known)
        self.assertEqual(left, set())

    def test_disk(self):
        ran = bench("disk", self.path, "--seconds", 2, "--space", "64MiB", "--json", self.path / "disk.json",
                    "--html", self.path / "disk.html", "--hgrm", self.path / "hgrm")
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertIn("durable write of 4 KiB, prewritten space", ran.stdout)
        results = json.loads((self.path / "disk.json").read_text())
        self.assertTrue(results["complete"])
        self.assertTrue(all(run["messages"] > 0 for run in results["runs"]))
        self.assertIn('<script type="application/json" id="data">', (self.path / "disk.html").read_text())
        self.assertTrue(any(path.suffix == ".hgrm" for path in (self.path / "hgrm").iterdir()))
        self.assert_nothing_left("disk.json", "disk.html", "hgrm")

    def test_stream_in_each_mode(self):
        ran = bench("stream", "--dir", self.path, *SHORT, "--repeats", 2, "--scenario", "steady", "--scenario",
                    "backfill", "--backlog", "16MiB", "--json", self.path / "stream.json")
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        results = json.loads((self.path / "stream.json").read_text())
        modes = {run["target"] for run in results["runs"]}
        self.assertEqual(len(results["runs"]), 2 * 2 * len(modes))
        self.assertIn("buffered", modes)
        for run in results["runs"]:
            self.assertEqual(run["failures"], [])
            self.assertGreater(run["metrics"]["messages_per_second"], 0)
            # Those that were due in the measured second, however late they were.
            self.assertAlmostEqual(run["distributions"]["produce"]["count"], 500, delta=10)
            self.assertEqual(run["distributions"]["consume"]["count"], run["distributions"]["produce"]["count"])
            self.assertIn("commit: device", [stage["name"] for stage in run["stages"]])
            self.assertTrue(run["samples"]["rss_bytes"])
            self.assertTrue(all(0 <= share <= 100 for share in run["samples"]["stolen_percent"] if share is not None))
            self.assertTrue(0 <= run["metrics"]["stolen_percent"] <= 100)
        backfill = [run for run in results["runs"] if run["scenario"] == "backfill"]
        self.assertTrue(all(run["metrics"]["reader_mb_per_second"] > 0 for run in backfill))
        self.assertTrue(all(run["events"] for run in backfill))
        self.assertIn("produce latency by percentile", ran.stdout)
        self.assert_nothing_left("stream.json")

    def test_a_broker_that_runs_already(self):
        server = self.workspace.server()
        server.start()
        ran = bench("stream", "--brokers", server.address, *SHORT, "--repeats", 1, "--json", self.path / "stream.json")
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        results = json.loads((self.path / "stream.json").read_text())
        self.assertEqual({run["target"] for run in results["runs"]}, {server.address})
        topics = harness.run([PENSTOCK, "topic", "list", "--brokers", server.address])
        self.assertNotIn(b"penstock-bench", topics)

    def test_a_broker_that_is_not_there_is_reported_as_failed(self):
        ran = bench("stream", "--brokers", "127.0.0.1:1", *SHORT, "--repeats", "1")
        self.assertEqual(ran.returncode, 1)
        self.assertIn("FAILED", ran.stdout)

    def test_a_broker_that_dies_has_failed_and_is_not_fast(self):
        process = subprocess.Popen([PENSTOCK, "bench", "stream", "--dir", self.path, *SMALL, "--seconds", "20",
                                    "--repeats", "1", "--mode", "buffered"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        children = f"/proc/{process.pid}/task/{process.pid}/children"
        broker = harness.wait_until(lambda: Path(children).read_text().split(), 30, "the broker's process")[0]
        time.sleep(4)
        os.kill(int(broker), signal.SIGKILL)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 1, err)
        self.assertIn("FAILED  buffered, repeat 1: the broker was ended by signal 9", out)
        self.assertNotIn("produce p50", out)
        self.assert_nothing_left()

    def test_an_interruption_prints_what_was_measured(self):
        process = subprocess.Popen([PENSTOCK, "bench", "stream", "--dir", self.path, *SHORT, "--repeats", "50"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(8)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, err)
        self.assertTrue(out.startswith("NOT COMPLETE"), out)
        self.assertIn("produce p50", out)
        self.assert_nothing_left()


if __name__ == "__main__":
    unittest.main()
