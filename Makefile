# `make` lists what there is. Each target does the set-up that it needs; all of that is cheap the second time.
SHELL := /bin/bash
.DEFAULT_GOAL := help
JOBS ?= $(shell nproc)
release := build/release
configured = @[ -f build/$(1)/build.ninja ] || cmake --preset $(1) >/dev/null

.PHONY: help setup build demo test test-all bench format clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:
	@tools/setup.sh build

build: setup ## Build build/release/ticklake
	$(call configured,release)
	@echo "make: building $(release)/ticklake"
	@ninja -C $(release) -j $(JOBS) ticklake | tail -n 1

demo: build ## Run the market example (DEMO_SECONDS=20, BROKERS=host:port)
	@BROKERS="$(BROKERS)" tools/demo.sh

test: ## All tests but the slow ones: unit, end to end, Kafka, a reader that is not ours, ASan
	@tools/setup.sh test
	@tools/test.sh

test-all: ## All tests: the slow ones, Apache Spark as a reader and ThreadSanitizer too
	@tools/setup.sh peers
	@tools/test.sh --all

bench: build ## Measure, beside Spark and Python glue; one JSON line each
	@tools/setup.sh bench
	@ninja -C $(release) -j $(JOBS) | tail -n 1
	@python3 bench/run.py $(release) && python3 bench/merge.py $(release)

format: ## Format our C++ in place
	@find src bench fuzz \( -name '*.cc' -o -name '*.h' \) 2>/dev/null | xargs clang-format-14 -i

clean: ## Remove everything built; the cache of packages stays
	@rm -rf build
