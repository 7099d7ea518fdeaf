# The one door: every job of this project is a name here, and CI calls the same names.
# It needs Python 3.10 or newer, cargo and make; everything else it installs into $(VENV).

PYTHON ?= python3
VENV ?= .venv
# `make test PROFILE=dev` builds in seconds instead of a minute; figures need the release profile.
PROFILE ?= release
PYTEST_ARGS ?=
# Most tests wait most of the time; `make test TEST_JOBS=0` runs them one by one.
TEST_JOBS ?= 4
IN_PARALLEL := --numprocesses=$(TEST_JOBS) --dist=worksteal
BENCH_ARGS ?=
CONFORMANCE_ARGS ?=
ATTACKS_ARGS ?=
SOAK_ARGS ?=
MATRIX_ARGS ?=
CARGO_ARGS ?=
FUZZ_SECONDS ?= 60
# Without a network: make check-dependencies DENY_CHECKS='bans licenses sources'
DENY_CHECKS ?= advisories bans licenses sources

ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
PY := $(BIN)/python
PIP := $(PY) -m pip --disable-pip-version-check --quiet

# A directory's own date changes when a file in it comes or goes, so a deleted file rebuilds too.
SOURCES := Cargo.toml $(wildcard Cargo.lock) pyproject.toml \
	$(shell find src python -name __pycache__ -prune -o -print)
BUILT := $(VENV)/.built-$(PROFILE)
# Programs of cargo's that the machine does not have are installed here, not into ~/.cargo.
CARGO_PROGRAMS := $(abspath $(VENV))/cargo
WITH_CARGO_PROGRAMS := PATH="$(CARGO_PROGRAMS)/bin:$$PATH"
BENCH_SERVER := benchmarks/server/target/release/bench-server
# A crate of its own is linted beside ours, where most of what it needs has been compiled already.
SHARED := --target-dir $(or $(CARGO_TARGET_DIR),target)

# The interpreter of the environment, so that cargo and maturin share what they compiled for it.
export PYO3_PYTHON := $(abspath $(PY))
# The extension never links libpython, so cargo needs no development package of Python.
export PYO3_BUILD_EXTENSION_MODULE := 1

.DEFAULT_GOAL := help
.PHONY: help environment demo build bench-server test test-rust test-python check check-rust check-layers check-python \
	check-stubs check-dependencies format matrix conformance conformance-short attacks soak \
	soak-short bench bench-quick bench-short bench-compression bench-deflate bench-engine fuzz-smoke fuzz asan miri wheel \
	strace-echo clean cargo cargo-fuzz cargo-deny

help: ## this list
	@echo "make demo   an echo server on this machine, and the documents' programs against it"
	@echo "make test   everything that is tested"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-17s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "PYTHON=python3.12 chooses the interpreter, VENV=.venv-3.12 the environment's place,"
	@echo "PYTEST_ARGS='-k close' the tests, PROFILE=dev a quick build."

demo: $(BUILT) ## the documents' programs over ws and wss, against a local server
	$(PY) tools/demo.py

build: $(BUILT) ## the package, built and installed into the environment

bench-server: $(BENCH_SERVER) ## what the benchmarks and the soak test talk to

# pip cannot be called twice at a time, so this comes before a make with --jobs.
environment: $(VENV)/.made ## everything of Python's that the other names need
	$(MAKE) --jobs=1 $(foreach group,build test check bench,$(VENV)/.group-$(group))

test: test-rust test-python ## every test, Rust's and Python's

# src/python has no Rust tests of its own: it is tested from Python, where its users are. The protocol's
# are run once, for no feature changes it.
test-rust: cargo ## the lower layers; needs no Python
	cargo test $(CARGO_ARGS) --no-default-features
	cargo test $(CARGO_ARGS) --no-default-features --features net --lib --test connect

test-python: $(BUILT) ## the package, through its Python face
	$(PY) -m pytest $(IN_PARALLEL) $(PYTEST_ARGS)

check: check-layers check-rust check-python check-stubs check-dependencies ## formatting, lints, layers, types, crates

check-layers: $(VENV)/.made ## what each layer may name, and that it builds without the ones above
	$(PY) tools/check_layers.py
	cargo check $(CARGO_ARGS) --no-default-features
	cargo check $(CARGO_ARGS) --no-default-features --features net

check-rust: $(VENV)/.made
	cargo fmt --check
	cargo fmt --check --manifest-path benchmarks/server/Cargo.toml
	cargo fmt --check --manifest-path benchmarks/deflate/Cargo.toml
	cargo fmt --check --manifest-path benchmarks/engine/Cargo.toml
	cargo fmt --check --manifest-path fuzz/Cargo.toml
	cargo clippy $(CARGO_ARGS) --all-targets --no-default-features -- --deny warnings
	cargo clippy $(CARGO_ARGS) --all-targets --no-default-features --features net -- --deny warnings
	cargo clippy $(CARGO_ARGS) --all-targets -- --deny warnings
	cargo clippy $(CARGO_ARGS) $(SHARED) --all-targets --manifest-path benchmarks/server/Cargo.toml -- --deny warnings
	cargo clippy $(CARGO_ARGS) $(SHARED) --manifest-path benchmarks/deflate/Cargo.toml -- --deny warnings

check-dependencies: ## licences, sources, known faults of the crates; needs cargo-deny
	@$(WITH_CARGO_PROGRAMS); if command -v cargo-deny >/dev/null; then cargo deny check $(DENY_CHECKS); \
	else echo "The dependencies are not checked: there is no cargo-deny (make cargo-deny)."; fi

check-python: $(VENV)/.group-check $(VENV)/.group-bench
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy

check-stubs: $(BUILT) $(VENV)/.group-check
	$(PY) -m mypy.stubtest aiowebsocket._core

format: $(VENV)/.group-check ## lays out Rust and Python
	cargo fmt
	cargo fmt --manifest-path benchmarks/server/Cargo.toml
	cargo fmt --manifest-path benchmarks/deflate/Cargo.toml
	cargo fmt --manifest-path benchmarks/engine/Cargo.toml
	cargo fmt --manifest-path fuzz/Cargo.toml
	$(PY) -m ruff check --fix
	$(PY) -m ruff format

# Hostile servers and the other parser try the engine, which is the same for each interpreter.
ENGINE_ONLY := --ignore=tests/hostile --ignore=tests/interop/test_differential.py
matrix: $(VENV)/.group-build ## a wheel and the Python tests on every CPython found, 3.10 to 3.14
	PROFILE=$(PROFILE) $(PY) tools/matrix.py $(MATRIX_ARGS) -- $(ENGINE_ONLY) $(IN_PARALLEL) $(PYTEST_ARGS)

conformance: $(BUILT) ## the Autobahn testsuite against both faces, on plain TCP and on TLS
	PYTHONPATH=tests $(PY) -m conformance $(CONFORMANCE_ARGS)

conformance-short: $(BUILT) ## a part of it, in under two minutes
	PYTHONPATH=tests $(PY) -m conformance --short --jobs 2 $(CONFORMANCE_ARGS)

attacks: $(BUILT) ## what each attack of a hostile server costs in memory, as a table
	PYTHONPATH=tests $(PY) -m hostile $(ATTACKS_ARGS)

soak: $(BUILT) $(VENV)/.group-bench $(BENCH_SERVER) ## what connections live through in the field, in under an hour
	PYTHONPATH=tests $(PY) -m soak $(SOAK_ARGS)

soak-short: $(BUILT) $(VENV)/.group-bench $(BENCH_SERVER) ## the same scenes in under two minutes, with fewer connections
	PYTHONPATH=tests $(PY) -m soak --short $(SOAK_ARGS)

BENCH := $(PY) -m benchmarks
bench: $(BUILT) $(VENV)/.group-bench $(BENCH_SERVER) ## every workload beside other clients, and the page
	$(BENCH) --json benchmarks/results.json --page benchmarks $(BENCH_ARGS)

bench-quick: $(BUILT) $(VENV)/.group-bench $(BENCH_SERVER) ## the main workloads, in two minutes
	$(BENCH) --quick $(BENCH_ARGS)

bench-short: $(BUILT) $(VENV)/.group-bench $(BENCH_SERVER) ## every workload, only to see that it runs
	$(BENCH) --short $(BENCH_ARGS)

bench-compression: $(BUILT) $(VENV)/.group-bench $(BENCH_SERVER) ## permessage-deflate in detail
	$(BENCH) --workloads compressed compressed-detail $(BENCH_ARGS)

bench-deflate: cargo ## the implementations of zlib side by side; zlib-ng too, if there is a cmake
	cargo run $(CARGO_ARGS) --release --manifest-path benchmarks/deflate/Cargo.toml \
		$(if $(shell command -v cmake),--features zlib-ng) -- $(BENCH_ARGS)

# It is linted here: criterion takes a minute to compile, which is too long for `make check`.
bench-engine: cargo ## masking, parsing, UTF-8 and compression by themselves, in bytes a cycle
	cargo clippy $(CARGO_ARGS) --manifest-path benchmarks/engine/Cargo.toml -- --deny warnings
	cargo run $(CARGO_ARGS) --release --manifest-path benchmarks/engine/Cargo.toml -- --bench $(BENCH_ARGS)

fuzz-smoke: $(VENV)/.made cargo-fuzz ## every fuzz target for a minute: FUZZ_SECONDS
	$(WITH_CARGO_PROGRAMS) $(PY) tools/fuzz.py --seconds $(FUZZ_SECONDS)

fuzz: $(VENV)/.made cargo-fuzz ## one of them: make fuzz TARGET=uri FUZZ_SECONDS=3600
	$(WITH_CARGO_PROGRAMS) $(PY) tools/fuzz.py --seconds $(FUZZ_SECONDS) $(TARGET)

# Not the hostile servers': they measure memory, of which the sanitizer takes a lot.
asan: $(VENV)/.group-build $(VENV)/.group-test ## the Python tests with AddressSanitizer, on Linux
	$(PY) tools/address_sanitizer.py $(VENV)/asan -- --ignore=tests/hostile $(PYTEST_ARGS)

miri: cargo ## the protocol layer's tests in Miri, where nightly Rust has it
	@if cargo +nightly miri --version >/dev/null 2>&1; then \
		cargo +nightly miri test $(CARGO_ARGS) --no-default-features --lib; \
	else echo "No Miri: rustup toolchain install nightly --component miri"; fi

wheel: $(VENV)/.group-build $(BUILT) ## a release wheel in dist/, its size and its import time
	rm -rf dist
	$(PY) -m maturin build --release --out dist --interpreter $(PY) $(CARGO_ARGS)
	$(PY) tools/import_time.py dist/*.whl

strace-echo: $(BUILT) ## the system calls of one echo
	$(PY) tools/syscalls_of_an_echo.py

clean: ## takes away what the other names made
	rm -rf $(VENV) target benchmarks/*/target fuzz/target fuzz/corpus dist tests/.cache \
		.mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

# What the names above stand on. A stamp in $(VENV) says what has been installed there.

cargo:
	@command -v cargo >/dev/null || { \
		echo "No cargo: the engine is Rust. Install it from https://rustup.rs"; exit 1; }

cargo-fuzz: CARGO_PROGRAM = cargo-fuzz --version 0.13.2
cargo-deny: CARGO_PROGRAM = cargo-deny --version 0.20.2
cargo-fuzz cargo-deny: $(VENV)/.made
	@$(WITH_CARGO_PROGRAMS); command -v $@ >/dev/null || \
		cargo install $(CARGO_PROGRAM) --locked --root $(CARGO_PROGRAMS)

$(VENV)/.made: | cargo
	@command -v $(PYTHON) >/dev/null || { \
		echo "No interpreter '$(PYTHON)'. Name one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
		echo "$$($(PYTHON) --version) is too old: aiowebsocket needs Python 3.10 or newer." \
			"Name one: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install pip==26.3
	@touch $@

$(VENV)/.group-%: pyproject.toml $(VENV)/.made
	$(PIP) install --group $*
	@touch $@

# A wheel, not a link to the tree: the tests see what a user installs. cargo keeps the objects.
$(BUILT): $(SOURCES) $(VENV)/.group-build $(VENV)/.group-test
	rm -rf $(VENV)/wheel $(VENV)/.built-*
	$(PY) -m maturin build --profile $(PROFILE) --out $(VENV)/wheel --interpreter $(PY) $(CARGO_ARGS)
	$(PIP) install --force-reinstall --no-deps --no-index $(VENV)/wheel/*.whl
	@touch $@

$(BENCH_SERVER): $(wildcard benchmarks/server/Cargo.*) $(shell find benchmarks/server/src)
	cargo build $(CARGO_ARGS) --release --manifest-path benchmarks/server/Cargo.toml \
		--target-dir benchmarks/server/target
