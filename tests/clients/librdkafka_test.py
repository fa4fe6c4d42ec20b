#!/usr/bin/python3
"""librdkafka, by its C API, against a server: the program librdkafka_matrix, which takes GoogleTest's flags."""

import sys

import harness

TIMEOUT_S = 280


def main():
    return harness.run_client("librdkafka", [harness.bin_dir() / "librdkafka_matrix", *sys.argv[1:]], TIMEOUT_S)


if __name__ == "__main__":
    sys.exit(main())
