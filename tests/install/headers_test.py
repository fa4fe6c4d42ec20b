#!/usr/bin/python3
"""Compiles every public header on its own, as C++20, with both compilers and without a warning.

headers_test.py INCLUDE_DIR...    the directories that hold penstock/*.h
"""

import re
import subprocess
import sys
from pathlib import Path

COMPILERS = ["g++", "clang++-19"]
FLAGS = ["-std=c++20", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror", "-fsyntax-only"]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
COROUTINE = re.compile(r"\bco_(await|return|yield)\b|#\s*include\s*<coroutine>")


def words_of(header):
    """What is wrong with the text of a header."""
    text = header.read_text()
    for bracket, name in INCLUDE.findall(text):
        # The standard library has no directories and no dots in its names.
        if bracket == "<" and not re.fullmatch(r"[a-z_]+", name):
            yield f"includes <{name}>, which is not the standard library's"
        if bracket == '"' and not name.startswith("penstock/"):
            yield f'includes "{name}", which is not installed'
    if COROUTINE.search(text):
        yield "uses coroutines"
    if not re.search(r"^#pragma once$", text, re.MULTILINE):
        yield "has no #pragma once"
    if not text.startswith("// "):
        yield "does not open with what it is for"


def compile_alone(compiler, name, include_dirs):
    command = [compiler, *FLAGS, "-x", "c++", *(f"-I{directory}" for directory in include_dirs), "-"]
    # Twice, so that a header that cannot be included twice is found too.
    program = f'#include "penstock/{name}"\n#include "penstock/{name}"\n'
    done = subprocess.run(command, input=program, capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        yield f"{compiler} refuses it:\n" + "\n".join(done.stderr.splitlines()[:15])


def main():
    include_dirs = sys.argv[1:]
    headers = sorted(path for directory in include_dirs for path in Path(directory, "penstock").glob("*.h"))
    assert len(headers) > 10, f"only {len(headers)} headers in {include_dirs}"
    umbrella = next(path for path in headers if path.name == "penstock.h").read_text()
    failures = 0
    for header in headers:
        wrong = list(words_of(header))
        for compiler in COMPILERS:
            wrong += compile_alone(compiler, header.name, include_dirs)
        if header.name not in ("penstock.h", "export.h", "uring_use.h", "rocksdb.h") and f'"penstock/{header.name}"' not in umbrella:
            wrong.append("is missing in penstock/penstock.h")
        for what in wrong:
            print(f"{header}: {what}")
        failures += len(wrong)
    print(f"{len(headers)} headers, {len(COMPILERS)} compilers, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
