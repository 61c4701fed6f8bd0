# Start with `make run` and `make test`. Everything that they install stays in this folder.
PYTHON ?= python3
BIN := .venv/bin

# `make run` hands every variable of make's command line over as it was typed, `$` and quotes included, as the
# environment variable MAKE_RUN_<NAME>, and the command takes the options that it knows. Another name, since bash has a
# variable SECONDS of its own, and MODE or SIZE may mean something else in a shell. Make exports the variable itself too,
# and must not expand it: a prompt may contain $(shell ...).
ifeq ($(firstword $(MAKECMDGOALS)),run)
given := $(foreach name,$(.VARIABLES),$(if $(filter command line,$(origin $(name))),$(name)))
$(foreach name,$(given),$(eval override MAKE_RUN_$(name) := $$(value $(name)))$(eval export MAKE_RUN_$(name)))
$(foreach name,$(given),$(eval override $(name) := $$(value $(name)))$(eval export $(name)))
endif
# Two per core: the end-to-end tests mostly wait.
WORKERS = $(shell $(PYTHON) -c 'import os; print(2 * (os.cpu_count() or 1))')
PORT ?= 4566
VIDEO_PORT ?= 4010
PREFIX ?=

# Make would take a picture's path for a target, and send the sample instead.
ifeq ($(firstword $(MAKECMDGOALS)),run)
ifneq ($(words $(MAKECMDGOALS)),1)
$(error To send a picture: make run IMAGE=$(lastword $(MAKECMDGOALS)))
endif
endif

.PHONY: help run up check test lint format build deploy-local bench lock clean
.DEFAULT_GOAL := help

help: ## Show the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1	\2/' | expand -t 22

run: .venv/ready ## Send a picture through the stack [IMAGE= SIZE= MODE= PROMPT= MODEL= SECONDS= … OUT=out]
	@$(BIN)/python -m local run

up: .venv/ready ## Keep the stack running, for the AWS CLI [PORT=4566 VIDEO_PORT=4010 PREFIX=]
	@$(BIN)/python -m local up --port "$(PORT)" --video-port "$(VIDEO_PORT)" --prefix "$(PREFIX)"

check: lint ## Check style and types, and run the fast unit tests: in under two minutes, for every save
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile -m 'not slow' tests/unit

test: .venv/ready ## Run all tests
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile

lint: .venv/ready ## Check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: .venv/ready ## Format the code and fix what the linter can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

build: .venv/ready .venv-sam/ready ## Run sam validate --lint and sam build (needs Python 3.13)
	@$(BIN)/python -m local build

deploy-local: .venv/ready .venv-sam/ready ## Build, sam deploy to the emulator, and send a picture through it
	@$(BIN)/python -m local deploy-local

bench: .venv-bench/ready ## Compare the imaging with Pillow, FFmpeg and libvips [ARGS='--only jpeg12 --rounds 3']
	@PYTHONPATH=layers/sora_ready .venv-bench/bin/python -m tests.bench $(ARGS)

lock: .venv/uv ## Pin the newest compatible versions
	$(BIN)/uv pip compile -q -U --no-header --no-annotate --no-emit-index-url --python-version 3.13 \
		--python-platform aarch64-manylinux_2_28 --group imaging -o layers/imaging/requirements.txt
	$(BIN)/uv pip compile -q -U --no-header --no-annotate --no-emit-index-url --python-version 3.13 \
		--python-platform x86_64-manylinux_2_28 --group simd_resize -o layers/simd_resize/requirements.txt
	$(BIN)/uv pip compile -q -U --no-header --no-annotate --no-emit-index-url --python-version 3.13 \
		--python-platform aarch64-manylinux_2_28 --group video_api -o layers/video_api/requirements.txt
	$(BIN)/uv pip compile -q -U --no-header --no-annotate --no-emit-index-url --python-version 3.13 \
		--python-platform aarch64-manylinux_2_28 --group powertools -o layers/powertools/requirements.txt
	$(BIN)/uv pip compile -q -U --no-header --no-annotate --no-emit-index-url --python-version 3.13 \
		--python-platform aarch64-manylinux_2_28 --group multipart -o layers/multipart/requirements.txt
	$(BIN)/uv pip compile -q -U --no-header --no-annotate --no-emit-index-url --generate-hashes --universal \
		--python-version 3.11 -c layers/imaging/requirements.txt -c layers/simd_resize/requirements.txt \
		-c layers/video_api/requirements.txt -c layers/powertools/requirements.txt \
		-c layers/multipart/requirements.txt --group dev -o requirements/dev.txt
	$(BIN)/uv pip compile -q -U --no-header --no-annotate --no-emit-index-url --generate-hashes \
		--python-version 3.13 --group emulator -c requirements/dev.txt -o requirements/lambda.txt
	$(BIN)/uv pip compile -q -U --no-header --no-annotate --no-emit-index-url --generate-hashes --universal \
		--python-version 3.11 -c requirements/dev.txt --group bench -o requirements/bench.txt
	$(BIN)/uv pip compile -q -U --no-header --no-annotate --no-emit-index-url --generate-hashes --universal \
		--python-version 3.11 --group sam -o requirements/sam.txt

clean: ## Remove everything that these commands created
	rm -rf .venv .venv-sam .venv-lambda .venv-bench .aws-sam .local out .mypy_cache .pytest_cache .ruff_cache .hypothesis

# ---------------------------------------------------------------- virtual environments

.venv/uv: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Set PYTHON=python3.x") if sys.version_info < (3, 11) else None'
	@echo 'setting up .venv (once)'
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

.venv/ready: .venv/uv requirements/dev.txt
	@$(BIN)/uv pip sync --quiet --require-hashes --python $(BIN)/python requirements/uv.txt requirements/dev.txt
	@touch $@

.venv-sam/ready: .venv/uv requirements/sam.txt
	@echo 'setting up .venv-sam (once)'
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python .venv-sam
	@$(BIN)/uv pip sync --quiet --require-hashes --python .venv-sam/bin/python requirements/sam.txt
	@touch $@

.venv-bench/ready: .venv/uv requirements/bench.txt
	@echo 'setting up .venv-bench (once)'
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python .venv-bench
	@$(BIN)/uv pip sync --quiet --require-hashes --python .venv-bench/bin/python requirements/bench.txt
	@touch $@
