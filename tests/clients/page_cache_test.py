#!/usr/bin/python3
"""After producing and consuming, the segment files are not in the page cache.

    page_cache_test.py [--mib N]

Skipped, with the reason, where the file system cannot do direct I/O: then the pages are there by design.
"""

import argparse
import json
import re
import subprocess
import sys

import harness
import wire

TOPIC = "page-cache"
PARTITIONS = 4
MAX_RESIDENT_SHARE = 0.01


def files_of(directory):
    return sorted(path for path in directory.rglob("*") if path.is_file() and path.stat().st_size > 0)


def resident_bytes(paths):
    """What fincore (mincore) says of all files together."""
    listing = json.loads(harness.run(["fincore", "--json", "--bytes", "--output", "RES,SIZE,FILE", *paths]))
    return sum(int(entry["res"]) for entry in listing["fincore"])


def effective_mode(server):
    found = re.search(r"\b(direct|uncached|buffered)\b.*", server.log_of_this_start())
    assert found, f"the start does not say the I/O mode:\n{server.log_of_this_start()}"
    return found.group(1), found.group(0)


def produce_and_consume(server, workspace, size_bytes):
    acks = workspace.path / "acks"
    harness.run([harness.bin_dir() / "ack_recorder", "produce", "--broker", server.address, "--topic", TOPIC,
                 "--partitions", PARTITIONS, "--producer", 1, "--acks-file", acks, "--min-bytes", 1024,
                 "--max-bytes", 1024, "--max-total-bytes", size_bytes], timeout_s=1800)
    # From offset 0: all but the tail comes from the device.
    harness.run([harness.bin_dir() / "ack_recorder", "check", "--broker", server.address, "--topic", TOPIC,
                 "--partitions", PARTITIONS, acks], timeout_s=1800)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--mib", type=int, default=256, help="how much to produce and consume")
    options = parser.parse_args()
    size_bytes = options.mib << 20

    with harness.Workspace("page_cache") as workspace:
        server = workspace.server()
        server.start()
        mode, line = effective_mode(server)
        if mode != "direct":
            harness.skip(f"no direct I/O in {workspace.path}: {line}")
        with wire.Connection(server.port) as connection:
            assert connection.create_topic(TOPIC, PARTITIONS) == wire.NONE
        produce_and_consume(server, workspace, size_bytes)

        files = files_of(server.data_dir)
        stored = sum(path.stat().st_blocks * 512 for path in files)
        assert stored >= size_bytes, f"{stored} bytes stored of {size_bytes}: where is the data?"
        resident = resident_bytes(files)
        share = resident / size_bytes
        print(f"{options.mib} MiB produced and consumed; {len(files)} files hold {stored:,} bytes; "
              f"{resident:,} bytes resident in the page cache: {share:.3%} (at most {MAX_RESIDENT_SHARE:.0%})")
        assert share < MAX_RESIDENT_SHARE
        server.stop_cleanly()

        # The measure can fail: reading the same files through the page cache shows.
        largest = max(files_of(server.data_dir), key=lambda path: path.stat().st_size)
        largest.read_bytes()
        assert resident_bytes([largest]) > largest.stat().st_size // 2, "fincore does not see a cached file"


if __name__ == "__main__":
    sys.exit(main())
