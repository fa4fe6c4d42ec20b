#!/usr/bin/python3
"""kafkajs against a server: kafkajs/matrix.js, after `npm ci` into the build directory.

Skipped, with the reason, where there is no Node.js or the registry of its packages cannot be reached."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import harness

SOURCES = Path(__file__).resolve().parent / "kafkajs"
LOCK = "package-lock.json"
INSTALL_TIMEOUT_S = 60
TEST_TIMEOUT_S = 240

# What npm says when nobody answers it, or a proxy does.
UNREACHABLE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "EHOSTUNREACH",
               "ERR_SOCKET_TIMEOUT", "E403", "E407", "E502", "E503", "E504")


def installed_packages():
    """The directory of the packages that package-lock.json names; they are fetched once per lock file."""
    directory = harness.work_dir() / "kafkajs"
    lock = (SOURCES / LOCK).read_bytes()
    done = directory / "installed.lock"
    if not done.exists() or done.read_bytes() != lock:
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        for name in ("package.json", LOCK):
            shutil.copy(SOURCES / name, directory)
        install(directory)
        done.write_bytes(lock)
    return directory / "node_modules"


def install(directory):
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--fetch-retries=1"]
    try:
        done = subprocess.run(harness.dying_with_parent(command), cwd=directory, capture_output=True, text=True,
                              timeout=INSTALL_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        harness.skip(f"npm has not fetched kafkajs within {INSTALL_TIMEOUT_S} s")
    if done.returncode != 0:
        if any(word in done.stderr for word in UNREACHABLE):
            harness.skip(f"npm cannot reach its registry:\n{done.stderr[-1000:]}")
        raise AssertionError(f"npm ci ended with {done.returncode}:\n{done.stderr[-2000:]}")


def main():
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            harness.skip(f"there is no {program}; scripts/setup installs it")
    packages = installed_packages()
    return harness.run_client("kafkajs", ["node", SOURCES / "matrix.js"], TEST_TIMEOUT_S, NODE_PATH=str(packages))


if __name__ == "__main__":
    sys.exit(main())
