# Start with `make run` and `make test`. Everything that they install stays in this folder.
PYTHON ?= python3
BIN := .venv/bin

# Taken as they are given, `$` and quotes included, and handed over in the environment. bash has a variable SECONDS of its
# own, and MODE or SIZE may stand for something else in a person's shell, so only what is given to make itself counts.
given = $(if $(filter command line,$(origin $(1))),$(value $(1)))
override RUN_IMAGE := $(call given,IMAGE)
override RUN_SIZE := $(call given,SIZE)
override RUN_MODE := $(call given,MODE)
override RUN_FOCUS := $(call given,FOCUS)
override RUN_CROP := $(call given,CROP)
override RUN_BACKGROUND := $(call given,BACKGROUND)
override RUN_FORMAT := $(call given,FORMAT)
override RUN_QUALITY := $(call given,QUALITY)
override RUN_PRESET := $(call given,PRESET)
override RUN_MODEL := $(call given,MODEL)
override RUN_SECONDS := $(call given,SECONDS)
override RUN_PROMPT := $(call given,PROMPT)
override RUN_OUT := $(call given,OUT)
export RUN_IMAGE RUN_SIZE RUN_MODE RUN_FOCUS RUN_CROP RUN_BACKGROUND RUN_FORMAT RUN_QUALITY RUN_PRESET
export RUN_MODEL RUN_SECONDS RUN_PROMPT RUN_OUT
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
	@$(BIN)/python -m local run --image="$$RUN_IMAGE" --size="$$RUN_SIZE" --mode="$$RUN_MODE" \
		--focus="$$RUN_FOCUS" --crop="$$RUN_CROP" --background="$$RUN_BACKGROUND" --format="$$RUN_FORMAT" \
		--quality="$$RUN_QUALITY" --preset="$$RUN_PRESET" --model="$$RUN_MODEL" --seconds="$$RUN_SECONDS" \
		--prompt="$$RUN_PROMPT" --out="$$RUN_OUT"

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
