#!/usr/bin/python3
"""The Java client against a server: java/Matrix.java, compiled and run for each version of kafka-clients asked for.

The jars come from Maven, into the build directory. Skipped, with the reason, where there is no JDK or no Maven, or
where its registry cannot be reached."""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import harness

SOURCES = Path(__file__).resolve().parent / "java"
VERSIONS = ("3.9.1", "4.3.1")
FETCH_TIMEOUT_S = 120
COMPILE_TIMEOUT_S = 120
TEST_TIMEOUT_S = 400

# What Maven says when nobody answers it, or a proxy does.
UNREACHABLE = ("Unknown host", "Connection refused", "Connect timed out", "Connection timed out", "Connection reset",
               "No route to host", "Network is unreachable", "status code: 403", "status code: 407", "status code: 5")


def fetched_jars(version):
    """The directory of the client's jars, which are fetched once."""
    directory = harness.work_dir() / f"java-{version}"
    done = directory / "fetched"
    if not done.exists():
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        fetch(version, directory / "jars")
        done.touch()
    return directory / "jars"


def fetch(version, directory):
    command = ["mvn", "-q", "-B", "-f", SOURCES / "pom.xml", f"-Dkafka.version={version}",
               "dependency:copy-dependencies", f"-DoutputDirectory={directory}"]
    try:
        done = subprocess.run(harness.dying_with_parent(command), capture_output=True, text=True,
                              timeout=FETCH_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        harness.skip(f"Maven has not fetched kafka-clients {version} within {FETCH_TIMEOUT_S} s")
    if done.returncode != 0:
        if any(words in done.stdout for words in UNREACHABLE):
            harness.skip(f"Maven cannot reach its registry:\n{done.stdout[-1000:]}")
        raise AssertionError(f"Maven ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def test(version, steps):
    jars = fetched_jars(version)
    classes = jars.parent / "classes"
    shutil.rmtree(classes, ignore_errors=True)
    classes.mkdir()
    classpath = f"{classes}:{jars}/*"
    harness.run(["javac", "-Xlint:all,-classfile,-deprecation,-removal", "-Werror", "-d", classes, "-cp", classpath,
                 *sorted(SOURCES.glob("*.java"))], COMPILE_TIMEOUT_S)
    harness.run_client(f"java-{version}", ["java", "-Dorg.slf4j.simpleLogger.defaultLogLevel=off", "-cp", classpath,
                                           "Matrix", *steps], TEST_TIMEOUT_S)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--version", action="append", help=f"of kafka-clients; again for more ({', '.join(VERSIONS)})")
    parser.add_argument("steps", nargs="*", help="only these")
    options = parser.parse_args()
    for program in ("java", "javac", "mvn"):
        if shutil.which(program) is None:
            harness.skip(f"there is no {program}: install a JDK of version 17 or later, and Maven")
    for version in options.version or VERSIONS:
        test(version, options.steps)


if __name__ == "__main__":
    sys.exit(main())
