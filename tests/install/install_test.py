#!/usr/bin/python3
"""Installs Penstock into an empty prefix, moves it, builds the examples against it as a stranger would (g++,
C++20, CMake and pkg-config), and runs each of them on real files."""

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

TIMEOUT_S = 120
JOURNAL_ROUNDS = 5


def run(*command, expect=0, **options):
    """Runs a program to its end; its standard output."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=TIMEOUT_S,
                          **options)
    assert done.returncode == expect, (
        f"{command} ended with {done.returncode} instead of {expect}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def wait_until(condition, what):
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline, f"still waiting after {TIMEOUT_S} s: {what}"
        time.sleep(0.005)


# --- What is installed ----------------------------------------------------------------------------------


def install(args, work):
    """The prefix, moved after the installation: nothing in it may know where it was."""
    first = work / "first"
    run(args.cmake, "--install", args.build_dir, "--prefix", first)
    prefix = work / "moved here"
    first.rename(prefix)
    return prefix


def check_files(prefix):
    for name in ["include/penstock/penstock.h", "include/penstock/version.h", "lib/libpenstock.so",
                 "lib/libpenstock.so.0", "lib/cmake/penstock/penstock-config.cmake", "lib/pkgconfig/penstock.pc",
                 "bin/penstock", "share/doc/penstock/README.md", "share/doc/penstock/docs/library.md",
                 "share/doc/penstock/examples/journal.cc"]:
        assert (prefix / name).exists(), f"{name} is not installed"
    assert os.readlink(prefix / "lib/libpenstock.so") == "libpenstock.so.0"
    for made in [*prefix.glob("lib/cmake/penstock/*"), prefix / "lib/pkgconfig/penstock.pc"]:
        text = made.read_text()
        assert not re.search(r"fmt|uring|isal|spdlog", text), f"{made} asks for a dependency of ours"
        assert str(prefix.parent) not in text, f"{made} knows where it was installed"
    run(prefix / "bin/penstock", "--help")


def check_symbols(prefix):
    """Nothing is visible but what the headers declare."""
    headers = "".join(path.read_text() for path in (prefix / "include/penstock").glob("*.h"))
    names = []
    for line in run("nm", "-D", "--defined-only", "-C", prefix / "lib/libpenstock.so").splitlines():
        name = line.split(" ", 2)[2]
        assert name.startswith("penstock::"), f"libpenstock.so exports {name}"
        own = name.removeprefix("penstock::").split("(")[0].removeprefix("detail::")
        for part in re.findall(r"\w+", own.split("[")[0]):
            assert re.search(rf"\b{part}\b", headers), f"libpenstock.so exports {name}; no header has {part}"
        names.append(name)
    for expected in ["Engine::create(", "AppendFile::append(", "ReadAhead::next(", "probe(", "version("]:
        assert any(name.startswith("penstock::" + expected) for name in names), f"{expected} is not exported"
    needed = run("readelf", "-d", prefix / "lib/libpenstock.so")
    assert "[libpenstock.so.0]" in needed, "the library has no SONAME libpenstock.so.0"
    print(f"{len(names)} exported symbols")


def build_examples(args, prefix, build):
    environment = os.environ | {"CXX": "g++"}
    for variable in ["CMAKE_PREFIX_PATH", "PKG_CONFIG_PATH", "CXXFLAGS"]:
        environment.pop(variable, None)
    run(args.cmake, "-S", prefix / "share/doc/penstock/examples", "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}",
        "-DCMAKE_CXX_FLAGS=-Werror", env=environment)
    assert "GNU" in (build / "CMakeCache.txt").read_text() or "g++" in (build / "CMakeCache.txt").read_text()
    run(args.cmake, "--build", build, env=environment)


def build_with_pkg_config(args, prefix, target):
    environment = os.environ | {"PKG_CONFIG_PATH": str(prefix / "lib/pkgconfig")}
    flags = run("pkg-config", "--cflags", "--libs", "penstock", env=environment)
    assert run("pkg-config", "--modversion", "penstock", env=environment).strip() in (
        prefix / "include/penstock/version.h").read_text()
    # Through a shell, because that is how pkg-config's escaped paths are meant to be used.
    run("sh", "-c", f"g++ -std=c++20 -Wall -Wextra -Werror '{args.source_dir}/examples/journal.cc' -o '{target}' "
        + flags.strip())


# --- Running the examples -------------------------------------------------------------------------------


def check_usage(bin_dir):
    for name in ["journal", "copy", "scan", "event_loop"]:
        assert "usage: " in run(bin_dir / name, "--help")
        done = subprocess.run([bin_dir / name], capture_output=True, text=True, timeout=TIMEOUT_S)
        assert done.returncode == 2 and "usage: " in done.stderr and not done.stdout, done
    for command in [["journal", "/no/such/file"], ["scan", "/no/such/file"], ["copy", "/no/such/file", "x"],
                    ["event_loop", "/no/such/directory/file"]]:
        done = subprocess.run([bin_dir / command[0], *command[1:]], capture_output=True, text=True, input="",
                              timeout=TIMEOUT_S)
        assert done.returncode == 1 and "/no/such/" in done.stderr, done


def check_copy(bin_dir, work):
    source, target = work / "source", work / "target"
    for size in [0, 1, 4096, 50_000_001]:
        source.write_bytes(random.Random(size).randbytes(size))
        done = subprocess.run([bin_dir / "copy", source, target], capture_output=True, text=True, timeout=TIMEOUT_S)
        assert done.returncode == 0 and done.stderr == "", f"nothing is drawn into a pipe: {done}"
        assert f"{size} bytes" in done.stdout
        assert target.read_bytes() == source.read_bytes(), f"a copy of {size} bytes differs"
        assert not Path(f"{target}.part").exists()

    old = target.read_bytes()
    with open(source, "wb") as large:
        large.truncate(8 << 30)
    copying = subprocess.Popen([bin_dir / "copy", source, target], stderr=subprocess.PIPE)
    part = Path(f"{target}.part")
    wait_until(lambda: part.exists() and part.stat().st_size > 32 << 20, "the copy is under way")
    copying.send_signal(signal.SIGINT)
    _, said = copying.communicate(timeout=TIMEOUT_S)
    assert copying.returncode == 130 and b"interrupted" in said, (copying.returncode, said)
    assert not part.exists() and target.read_bytes() == old, "an interrupted copy left something behind"
    source.unlink()


def check_scan(bin_dir, work):
    text = b"".join(b"line %d\n" % i for i in range(300_000)) + b"without an end"
    (work / "text").write_bytes(text)
    for mode in ["auto", "buffered"]:
        done = subprocess.run([bin_dir / "scan", work / "text", "--mode", mode], capture_output=True, text=True,
                              timeout=TIMEOUT_S)
        assert done.returncode == 0 and done.stdout == f"300000 lines, {len(text)} bytes\n", done
        assert "MB/s, I/O mode " in done.stderr, done
    done = subprocess.run([bin_dir / "scan", work / "text", "--mode", "fast"], capture_output=True, text=True,
                          timeout=TIMEOUT_S)
    assert done.returncode == 2 and "'fast' is not an I/O mode" in done.stderr, done


def kill_a_journal(journal, path, first, record):
    """Appends records from number `first` on until it is killed; how many it said are kept."""
    process = subprocess.Popen([journal, path, "--append"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    os.set_blocking(process.stdin.fileno(), False)
    stop_at = first + random.randrange(20, 400)
    unsent = b"".join(record(i) + b"\n" for i in range(first, stop_at + 5000))
    kept = first
    while kept < stop_at:
        try:
            unsent = unsent[os.write(process.stdin.fileno(), unsent):]
        except BlockingIOError:
            pass
        line = process.stdout.readline()
        assert line == b"kept %d\n" % (kept + 1), line
        kept += 1
    process.kill()
    # What it had said before it died counts too.
    kept += process.stdout.read().count(b"\n")
    process.stdin.close()
    process.wait(timeout=TIMEOUT_S)
    return kept


def check_journal(journal, work):
    path = work / f"journal-{journal.name}"
    sizes = random.Random(7)
    lengths = [sizes.choice([0, 1, 100, 4000, 4096, 9000]) for _ in range(20_000)]

    def record(i):
        return b"%d " % i + b"x" * lengths[i]

    kept = 0
    for _ in range(JOURNAL_ROUNDS):
        kept = kill_a_journal(journal, path, kept, record)
        found = run(journal, path).encode().splitlines()
        assert len(found) >= kept, f"{kept} records were acknowledged, {len(found)} are there"
        assert found == [record(i) for i in range(len(found))], "a record is not what was appended"
        kept = len(found)
    run(journal, path, "--append", input="the end\n")
    assert run(journal, path).splitlines()[-1] == "the end"
    print(f"{kept} journal records over {JOURNAL_ROUNDS} kills, nothing lost")


def check_event_loop(bin_dir, work):
    lines = "".join(f"line {i}\n" for i in range(5000))
    said = run(bin_dir / "event_loop", work / "events", input=lines).splitlines()
    assert said == [f"durable {i}" for i in range(1, 5001)], said[-3:]
    assert (work / "events").read_text() == lines
    done = subprocess.run([bin_dir / "event_loop", work / "events"], capture_output=True, text=True, input="x\n",
                          timeout=TIMEOUT_S)
    assert done.returncode == 1 and str(work / "events") in done.stderr, done


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ["--build-dir", "--source-dir", "--work-dir", "--cmake"]:
        parser.add_argument(option, required=True)
    args = parser.parse_args()
    os.makedirs(args.work_dir, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="install-", dir=args.work_dir))
    try:
        prefix = install(args, work)
        check_files(prefix)
        check_symbols(prefix)
        bin_dir = work / "examples"
        build_examples(args, prefix, bin_dir)
        check_usage(bin_dir)
        check_copy(bin_dir, work)
        check_scan(bin_dir, work)
        check_journal(bin_dir / "journal", work)
        check_event_loop(bin_dir, work)
        build_with_pkg_config(args, prefix, work / "journal_of_pkg_config")
        os.environ["LD_LIBRARY_PATH"] = str(prefix / "lib")
        check_journal(work / "journal_of_pkg_config", work)
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
