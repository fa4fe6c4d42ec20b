#!/usr/bin/python3
"""Debian's db_bench, ldb and sst_dump, unchanged, on penstock:// by LD_PRELOAD; what each writes, the stock ones
read."""

import argparse
import os
import re
import subprocess
import tempfile
from pathlib import Path

TIMEOUT_S = 120
URI = "penstock://?mode=auto&readahead=1MiB"


def run(library, *command, expect_success=True):
    environment = os.environ | ({"LD_PRELOAD": str(library)} if library else {})
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=TIMEOUT_S,
                          env=environment)
    assert (done.returncode == 0) == expect_success, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def scan(library, database, *uri):
    lines = run(library, "ldb", *uri, f"--db={database}", "scan", "--hex").splitlines()
    return [line for line in lines if line.startswith("0x")]


def check(library, work):
    database = work / "db"
    bench = ["db_bench", f"--fs_uri={URI}", f"--db={database}", "--num=20000", "--value_size=400", "--seed=7"]
    run(library, *bench, "--benchmarks=fillrandom,overwrite,readrandom,multireadrandom,seekrandom,compact",
        "--write_buffer_size=1048576", "--reads=5000")
    run(library, *bench, "--benchmarks=readseq,seekrandom,overwrite", "--use_existing_db=1", "--async_io=1",
        "--reads=2000", "--seek_nexts=100", "--sync=1", "--writes=200")
    assert re.search(r"penstock: \w+ I/O: ", (database / "LOG").read_text()), "the mode is not in the LOG"
    ours = scan(library, database, f"--fs_uri={URI}")
    assert len(ours) > 10000
    assert scan(None, database) == ours, "stock sees something else"
    tables = run(library, "sst_dump", f"--fs_uri={URI}", f"--file={database}", "--command=verify")
    assert "corrupt" not in tables.lower(), tables

    run(None, "ldb", f"--db={database}", "put", "written", "by_stock")
    got = run(library, "ldb", f"--fs_uri={URI}", f"--db={database}", "get", "written")
    assert "by_stock" in got, got
    run(library, "ldb", f"--fs_uri={URI}", f"--db={database}", "put", "written", "by_ours")
    assert "by_ours" in run(None, "ldb", f"--db={database}", "get", "written")
    run(library, "db_bench", "--env_uri=penstock-env://?mode:auto", f"--db={database}", "--benchmarks=readseq",
        "--use_existing_db=1", "--num=1000")
    refused = run(library, "db_bench", "--fs_uri=penstock://?mode=quick", f"--db={database}",
                  "--benchmarks=readseq", expect_success=False)
    assert "'quick' is not an I/O mode" in refused, refused
    assert not list(database.glob("*.penstock")), "a side file is left after a clean end"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--library", type=Path, required=True)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=".") as work:
        check(args.library, Path(work).resolve())


if __name__ == "__main__":
    main()
