# The short names of everything one does here; the work itself is CMake's and the scripts'.
# Every target may be run on a fresh Debian 12 machine: it installs what is missing first.

SHELL := /bin/bash
.DEFAULT_GOAL := help

JOBS ?= $(shell nproc)
# What ccache has compiled for one clone is good for all: paths below the clone count as relative ones.
export CCACHE_BASEDIR := $(CURDIR)
export CCACHE_NOHASHDIR := true
# Tests whose clients talk to a real server. The sanitizer builds leave them out: they are slow there.
CLIENT_TESTS := clients

BIN := build/release/bin
# Where campaigns put their data: a real file system, never a tmpfs.
CAMPAIGN_DIR ?= build/campaign

# The bounds of the long campaigns.
PERCENT ?= 5
ROUNDS ?= 100
XFS_ROUNDS ?= 20
BTRFS_ROUNDS ?= 20
HISTORY_ROUNDS ?= 100
ROCKSDB_ROUNDS ?= 100
IMAGES ?= 500
ROCKSDB_IMAGES ?= 300
FUZZ_SECONDS ?= 60

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Install missing Debian packages (nothing when all are there)
	@scripts/setup

# Configured once per preset; afterwards Ninja itself re-runs CMake when a CMake file changes.
build/%/build.ninja: CMakePresets.json | setup
	cmake --preset $*
	@touch $@

.PHONY: build
build: build/release/build.ninja ## Build the release: build/release/bin/penstock
	cmake --build --preset release -j $(JOBS)

.PHONY: serve
serve: build ## Build and start the server on 127.0.0.1:9092, data in ./data (more flags: ARGS="...")
	@exec $(BIN)/penstock serve $(ARGS)

.PHONY: test
test: build ## Build and run every test
	ctest --test-dir build/release --output-on-failure -j $(JOBS)

.PHONY: clients-java
clients-java: build ## The Java client, two versions of it, against the server (needs a JDK and Maven)
	@/usr/bin/python3 tests/clients/java_test.py || [ $$? -eq 77 ]

.PHONY: asan
asan: build/asan/build.ninja ## Unit tests under AddressSanitizer and UndefinedBehaviorSanitizer
	cmake --build --preset asan -j $(JOBS)
	ctest --test-dir build/asan --output-on-failure -j $(JOBS) -LE '$(CLIENT_TESTS)'

.PHONY: tsan
tsan: build/tsan/build.ninja ## Unit tests under ThreadSanitizer
	cmake --build --preset tsan -j $(JOBS)
	TSAN_OPTIONS=suppressions=$(CURDIR)/cmake/tsan_suppressions.txt \
	    ctest --test-dir build/tsan --output-on-failure -j $(JOBS) -LE '$(CLIENT_TESTS)'

# Campaigns: long, bounded, and they print what they covered.

.PHONY: sim
sim: build ## Every simulated fault of the log, PERCENT=5 of a whole run (100: about an hour)
	@scripts/campaign sim $(BIN)/log_sim all --percent $(PERCENT)

.PHONY: crash
crash: build ## kill -9 of a real server under load: ROUNDS=100, XFS_ROUNDS=20, BTRFS_ROUNDS=20, ROCKSDB_ROUNDS=100
	@scripts/campaign crash /usr/bin/python3 tests/clients/kill_test.py --bin-dir $(BIN) \
	    --work-dir $(CAMPAIGN_DIR)/crash --rounds $(ROUNDS) \
	    --xfs-rounds $(XFS_ROUNDS) --btrfs-rounds $(BTRFS_ROUNDS)
	@scripts/campaign crash-rocksdb $(BIN)/rocksdb_kill_test $(CAMPAIGN_DIR)/crash-rocksdb $(ROCKSDB_ROUNDS)

.PHONY: history
history: build ## kill -9 of a real server under groups and transactions: HISTORY_ROUNDS=100, some 8 minutes
	@scripts/campaign history /usr/bin/python3 tests/clients/history_test.py --bin-dir $(BIN) \
	    --work-dir $(CAMPAIGN_DIR)/history --rounds $(HISTORY_ROUNDS)

.PHONY: power-cut
power-cut: build ## Power cuts of a recorded device: IMAGES=500 under a real server, ROCKSDB_IMAGES=300 under RocksDB
	@scripts/campaign power-cut /usr/bin/python3 tests/power_cut/power_cut_test.py --bin-dir $(BIN) \
	    --work-dir $(CAMPAIGN_DIR)/power-cut --images $(IMAGES) --load-seconds 10
	@scripts/campaign power-cut-rocksdb /usr/bin/python3 tests/power_cut/rocksdb_power_cut_test.py --bin-dir $(BIN) \
	    --work-dir $(CAMPAIGN_DIR)/power-cut --images $(ROCKSDB_IMAGES) --load-seconds 30

.PHONY: fuzz
fuzz: setup ## Every fuzz program, FUZZ_SECONDS=60 seconds each
	@scripts/campaign fuzz scripts/fuzz $(FUZZ_SECONDS)

.PHONY: bench
bench: build ## The reference run, ten minutes: docs/benchmarks.md and its pictures anew (ARGS="--quick": the docs stay)
	@scripts/campaign bench scripts/bench $(CAMPAIGN_DIR)/bench $(ARGS)

.PHONY: bench-targets
bench-targets: build ## Every promise about speed, checked: hours (more flags: ARGS="--quick")
	@scripts/campaign bench-targets scripts/bench_targets $(CAMPAIGN_DIR)/bench-targets $(ARGS)

# The code's looks.

.PHONY: format
format: setup ## Format every C++ file in place
	@scripts/sources | xargs -r clang-format-19 -i

.PHONY: format-check
format-check: setup ## Fail if a C++ file is not formatted
	@scripts/sources | xargs -r clang-format-19 --dry-run --Werror

.PHONY: tidy
tidy: build/release/build.ninja ## clang-tidy over src/ (one folder only: DIR=src/base)
	@scripts/tidy $(JOBS) $(DIR)

.PHONY: clean
clean: ## Remove everything that was built (data/ stays)
	rm -rf build
