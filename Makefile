# PaperLane. `make drive` and `make test` need git, python3 (3.11 to 3.13) and make; they make the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
OUT ?= out
TRACK ?= oval
SEED ?= 1

# Real recordings for `make real`: two drives to train on, one never seen, and how long to train.
TRAIN ?= ../shared/data/tubs/mat_t1 ../shared/data/tubs/mat_t2
HELD_OUT ?= ../shared/data/tubs/mat_day1
EPOCHS ?= 3
# Root's drive may have the priority that `install.sh --realtime` gives it on the car.
BENCH_ARGS ?= $(if $(filter 0,$(shell id -u)),--realtime)
# Corrupted frames for `make fuzz`.
FRAMES ?= 1e8
# How long `make hour` drives.
SECONDS ?= 3600
# A file of MobileNet v1's ImageNet weights without top; empty: Keras downloads them.
IMAGENET ?= $(wildcard ../shared/weights/mobilenet_1_0_224_tf_no_top.h5)

.DEFAULT_GOAL := help
.PHONY: help drive test real firmware flash fuzz mutants coverage-firmware faults-firmware bench-loop figures-export \
  bench-train hour faults check docs format clean

help: ## This list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' | awk -F'|' '{printf "  make %-18s %s\n", $$1, $$2}'

drive: $(VENV)/.car ## Drive a simulated car with the shipped model: table, recording, picture, video
	@echo "== driving one lap of the track '$(TRACK)' (simulated car, real loop and protocol)"
	@$(BIN)/python -m simulator drive --track $(TRACK) --seed $(SEED) --out $(OUT)/drive

test: $(VENV)/.all $(VENV)/.tflite ## Run every test (PYTEST_ARGS=... for options)
	@echo "== running the tests"
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

real: $(VENV)/.all ## Real recordings -> training -> export -> replay into the emulated firmware
	@echo "== training sliced n=11 and baseB+ on $(TRAIN), $(EPOCHS) epochs; held out: $(HELD_OUT)"
	@$(BIN)/python -m training $(addprefix --data ,$(TRAIN)) --held-out $(HELD_OUT) --epochs $(EPOCHS) \
	  $(addprefix --imagenet-weights ,$(IMAGENET)) --out $(OUT)/real/runs
	@echo "== exporting sliced n=11 to TFLite"
	@$(BIN)/python -m export $(OUT)/real/runs/sliced11/model.keras $(addprefix --calibration ,$(TRAIN)) \
	  --held-out $(HELD_OUT) --out $(OUT)/real/models --name real
	@echo "== replaying $(HELD_OUT) with it, in real time, motors switched by the emulated firmware"
	@$(BIN)/python -m firmware_bridge emulate -- $(BIN)/python -m controller replay $(HELD_OUT) \
	  --model $(OUT)/real/models/real-int8.tflite --link {pty} $(REPLAY_ARGS)

# What docs/export shows. Networks at 224x224 are slow to train without a GPU: they, and one native network beside them,
# see every seventh frame twice; all others see every frame.
FIGURES := $(OUT)/figures
REAL := $(addprefix --data ,$(TRAIN)) --held-out $(HELD_OUT)
FROM_IMAGENET := $(addprefix --imagenet-weights ,$(IMAGENET))
THIN := $(FROM_IMAGENET) --every 7 --batch 32 --epochs 2
figures-export: $(VENV)/.all ## Train, export and time the networks of docs/export on real recordings (an hour or more)
	@train() { out=$$1; shift; $(BIN)/python -m training train --out $(FIGURES)/runs/$$out $(REAL) "$$@"; }; \
	export_() { name=$$1; run=$$2; shift 2; $(BIN)/python -m export $(FIGURES)/runs/$$run --name $$name \
	  $(addprefix --calibration ,$(TRAIN)) --held-out $(HELD_OUT) --out $(FIGURES)/models --formats float32,int8 "$$@" \
	  || test $$? -eq 1; }; \
	set -e; $(BIN)/python -m training $(REAL) $(FROM_IMAGENET) --epochs 3 --out $(FIGURES)/runs; \
	$(BIN)/python -m training quantise-aware $(FIGURES)/runs/baseB+ $(REAL) --out $(FIGURES)/runs/baseB+8; \
	train sliced11-224 --network sliced11 --upsample $(THIN); \
	train baseB+224 --network baseB+ --upsample $(THIN); \
	train sliced11-thin --network sliced11 $(THIN); \
	train default --network sliced11 --alpha 0.5 --weights random --epochs 6; \
	train small --network sliced9 --alpha 0.25 --weights random --epochs 6; \
	export_ n11 sliced11; export_ baseB+ baseB+; export_ baseB+tuned baseB+8; export_ n11-thin sliced11-thin; \
	export_ default-real default; export_ small-real small; \
	export_ n11-224 sliced11-224 --every 7; export_ baseB+224 baseB+224 --every 7
	@$(BIN)/python -m export bench $(FIGURES)/models controller/model/models --against n11-224-int8 --against baseB+224-float32 \
	  --markdown | tee $(FIGURES)/figures.md

include models.mk

firmware: $(VENV)/.car ## Build the firmware for the ATmega328P; flash and RAM used
	@$(BIN)/python -m firmware_bridge build --out $(OUT)/firmware.elf

flash: $(VENV)/.car ## Build the firmware and write it to a board: make flash PORT=/dev/ttyACM0
	@test -n "$(PORT)" || { echo "say where the board is: make flash PORT=/dev/ttyACM0"; exit 2; }
	@$(BIN)/python -m firmware_bridge flash --port $(PORT)

fuzz: $(VENV)/.all ## Corrupted frames against the firmware's core: make fuzz FRAMES=1e10
	@$(BIN)/python -m firmware_bridge fuzz --frames $(FRAMES)

mutants: $(VENV)/.all ## Every small fault in the firmware's core must show
	@$(BIN)/python -m firmware_bridge mutants

coverage-firmware: $(VENV)/.all ## Line coverage of the firmware's core
	@$(BIN)/python -m firmware_bridge coverage

faults-firmware: $(VENV)/.all ## Each fault 100 times against the emulated firmware, worst case
	@$(BIN)/python -m firmware_bridge faults --runs 100

bench-loop: $(VENV)/.car ## Overhead and frame age of the loop at 20 to 90 Hz, recording on
	@$(BIN)/python -m controller benchmark --rates 20,30,60,90 --seconds 10 $(BENCH_ARGS)

hour: $(VENV)/.all ## An hour at 30 Hz in real time on a simulated car: is memory flat, is nothing stale?
	@$(BIN)/python -m simulator endure --firmware --seconds $(SECONDS) $(HOUR_ARGS)

bench-train: $(VENV)/.all ## Training: input pipeline beside a constant batch, memory, share of the peak
	@$(BIN)/python -m training bench --memory 7000 --memory 56172

faults: $(VENV)/.all ## The fault suite, each row 20 times: bounds and the worst seen
	@$(BIN)/python -m pytest -q tests/controller/test_faults.py \
	  tests/controller/test_faults_redteam.py --repeats 20

# Every step under half an hour, once; the systems are kept in $(OUT)/arm. One step: STEPS=replay.
EMULATED = tests/systemd/emulated_arm.sh --cache $(OUT)/arm $(addprefix --data ,$(wildcard $(HELD_OUT))) $(STEPS)

.PHONY: arm arm32
arm: $(VENV)/.car $(VENV)/.tflite ## Install on an emulated 64-bit ARM Debian, compare with this machine (as root, slow)
	@$(EMULATED)

arm32: $(VENV)/.car $(VENV)/.tflite ## The same on an emulated 32-bit ARM Debian
	@$(EMULATED) --arch armhf

check: $(VENV)/.all docs ## Format, lint, types, imports, documentation
	@echo "== checking format, lint, types and imports"
	@$(BIN)/ruff format --check --quiet . || { echo "run: make format"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache | tail -n 5

docs: $(VENV)/.all ## The documentation with the code's own, as pages in out/docs; a broken link fails
	@echo "== building the documentation"
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

format: $(VENV)/.all ## Put the code into the house's format
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --quiet --fix .

clean: ## Remove what the other targets made
	rm -rf $(VENV) $(OUT) build .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 11) <= v <= (3, 13) or sys.exit(f"Python {v[0]}.{v[1]} found, 3.11 to 3.13 needed: make PYTHON=python3.11 ...")'
	@echo "== making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "no venv module: on Debian and Raspberry Pi OS, sudo apt install python3-venv"; exit 1; }

$(VENV)/.car: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "== installing what the car needs (once, under a minute)"
	@$(PIP) --editable .
	@touch $@

$(VENV)/.all: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "== installing what training and the tests need, TensorFlow too (once, about two minutes)"
	@$(PIP) --editable '.[train,dev]'
	@# The Pi camera's package, to be read by a test; it installs only on a Pi.
	@$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps \
	  --dest $(VENV)/reference picamera2==0.3.38
	@touch $@ $(VENV)/.car

# The predecessor of LiteRT, for a test that compares the two. It has no wheel for Python 3.12 and later, and none that
# works with numpy 2, so it lives alone; where there is no Python 3.11 the test skips.
$(VENV)/.tflite: | $(VENV)/bin/python
	@old=$$(for p in $(BIN)/python python3.11; do command -v $$p > /dev/null && $$p -c \
	  'import sys; sys.exit(sys.version_info[:2] != (3, 11))' && echo $$p && break; done); \
	if [ -z "$$old" ]; then echo "no Python 3.11: tflite-runtime is not compared"; else \
	echo "== installing tflite-runtime beside it (once, seconds)"; $$old -m venv $(VENV)/tflite && \
	$(VENV)/tflite/bin/python -m pip install --quiet --disable-pip-version-check \
	  tflite-runtime==2.14.0 numpy==1.26.4 && touch $@; fi

$(VENV)/.cluster: $(VENV)/.all
	@echo "== installing Ray"
	@$(PIP) --editable '.[train,dev,cluster]'
	@touch $@
