# PaperLane. `make drive` and `make test` need git, python3 (3.11 to 3.13) and make; they make the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
OUT ?= out
TRACK ?= oval
SEED ?= 1

.DEFAULT_GOAL := help
.PHONY: help drive test check format clean

help: ## This list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' | awk -F'|' '{printf "  make %-18s %s\n", $$1, $$2}'

drive: $(VENV)/.car ## Drive a simulated car with the shipped model: table, recording, picture, video
	@echo "== driving one lap of the track '$(TRACK)' (simulated car, real loop and protocol)"
	@$(BIN)/python -m simulator drive --track $(TRACK) --seed $(SEED) --out $(OUT)/drive

test: $(VENV)/.all ## Run every test (PYTEST_ARGS=... for options)
	@echo "== running the tests"
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

check: $(VENV)/.all ## Format, lint, types, imports
	@echo "== checking format, lint, types and imports"
	@$(BIN)/ruff format --check --quiet . || { echo "run: make format"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache | tail -n 5

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
	@touch $@ $(VENV)/.car
