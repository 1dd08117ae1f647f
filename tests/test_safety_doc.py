"""docs/safety.md names tests that exist, and its stopping distances are the formula's."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from simulator.car.car import CarConfig
from tests.conftest import REPOSITORY

PAGE = (REPOSITORY / "docs" / "safety.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/.]+::\w+)`", PAGE)))
HAZARDS = (
    "runaway",
    "stuck H-bridge",
    "wrong and sure",
    "lane left",
    "hands near wheels",
    "battery low",
    "brown-out",
    "cut e-stop wire",
    "welded",
    "upside down",
    "remote driver gone",
    "software update while driving",
)


def _rows(title):
    table = PAGE.partition(f"## {title}")[2].partition("\n## ")[0]
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.mark.parametrize("named", NAMED)
def test_each_test_that_is_named_exists(named):
    file, _, name = named.partition("::")
    tree = ast.parse((REPOSITORY / file).read_text())
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_hazard_has_a_row_with_a_test_and_what_remains():
    rows = _rows("Hazards")
    for hazard in HAZARDS:
        assert [row for row in rows if hazard in row[0]], hazard
    for row in rows:
        assert len(row) == 4, row
        assert all(row), row
        assert "::test_" in row[2], row


def test_stopping_distances():
    header = PAGE.partition("| car | speed m/s")[2].partition("\n")[0]
    times_s = [int(ms) / 1000 for ms in re.findall(r"(\d+) ms", header)]
    assert len(times_s) == 3
    assert times_s[1] == 0.15
    rows = _rows("Stopping distance")
    assert float(rows[1][1]) == CarConfig().top_speed_mps
    assert float(rows[1][2]) == CarConfig().motor_lag_s
    for _, speed, lag, *said in rows:
        for text, time_s in zip(said, times_s, strict=True):
            exact_cm = 100 * float(speed) * (time_s + float(lag))
            assert float(text.removesuffix(" cm")) == pytest.approx(exact_cm, abs=0.051)


def test_the_page_is_linked():
    assert "safety.md" in (Path(REPOSITORY) / "docs" / "README.md").read_text()
