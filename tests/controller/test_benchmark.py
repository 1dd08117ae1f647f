from __future__ import annotations

import copy
import json

import pytest

from controller.__main__ import main
from controller.benchmark import measure, report


def test_a_benchmark_measures_a_real_drive_and_what_it_says_adds_up(capsys, monkeypatch):
    monkeypatch.setattr(measure, "START_UPS", 1)
    assert main(["benchmark", "--rates", "60", "--seconds", "1", "--json"]) in (0, 1)
    figures = json.loads(capsys.readouterr().out)
    (rate,) = figures["rates"]
    assert rate["frames"] > 30
    assert 0 <= rate["drives_with_model_warmed_up"] <= rate["drives"]
    assert rate["beyond_invoke_ms"]["p99"] > rate["beyond_invoke_ms"]["p50"]
    assert rate["not_recorded"] == 0
    assert rate["stale_commands"] == 0
    assert figures["invoke_hot_ms"]["p50"] > 0
    for percentile in ("p50", "p99"):
        assert rate["frame_age_ms"][percentile] > rate["stages_ms"]["invoke"][percentile]
    assert figures["start_to_first_decision_s"] > 0.05
    assert figures["peak_rss_mib"] > 30
    assert figures["machine"]["cores"] >= 1
    said = report.table(figures, figures["machine"])
    assert "60 Hz" in said
    assert ("NOT met" in said) == bool(report.misses(figures))


def test_a_drive_too_short_for_its_warm_up_is_measured_as_nothing(monkeypatch):
    monkeypatch.setattr(measure, "START_UPS", 1)
    monkeypatch.setattr(measure, "DRIVES", 1)
    monkeypatch.setattr(measure, "WARM_UP_S", 0.2)
    with measure.benchmark_peer() as peer:
        figures = measure.run("default", (2.0,), 0.01, 1, peer)
    assert figures["rates"][0]["frames"] == 0
    assert figures["rates"][0]["beyond_invoke_ms"]["p99"] == 0


@pytest.fixture
def good():
    """Figures just within the design's numbers."""
    rate = {
        "rate_hz": 30.0,
        "invoke_ms": {"p50": 0.1, "p99": 0.2},
        "overhead_ms": {"p50": 0.06, "p99": 0.25},
        "beyond_invoke_ms": {"p50": 0.06, "p99": 0.25},
        "frame_age_ms": {"p50": 1.1, "p99": 3.2},
        "cpu_share": 0.05,
        "drives": 4,
        "drives_with_model_warmed_up": 3,
    }
    return {
        "model": "default",
        "threads": 1,
        "rates": [rate],
        "start_to_first_decision_s": 0.25,
        "peak_rss_mib": 70.0,
    }


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("rates", 0, "overhead_ms", "p50"), 0.061, "overhead p50 at 30 Hz"),
        (("rates", 0, "beyond_invoke_ms", "p99"), 0.251, "beyond invoke() p99 at 30 Hz"),
        (("rates", 0, "frame_age_ms", "p50"), 1.2, "frame age p50 at 30 Hz"),
        (("rates", 0, "frame_age_ms", "p99"), 3.3, "frame age p99"),
        (("start_to_first_decision_s",), 0.26, "first decision"),
        (("peak_rss_mib",), 70.1, "peak memory"),
    ],
)
def test_what_misses_the_design_is_named(good, path, value, says):
    assert report.misses(good) == []
    figures = copy.deepcopy(good)
    part = figures
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    (missed,) = report.misses(figures)
    assert says in missed


def test_the_freshest_number_of_threads_is_named(good):
    two = copy.deepcopy(good) | {"threads": 2}
    two["rates"][0]["frame_age_ms"]["p50"] = 0.9
    assert "threads = 2" in report.comparison([good, two])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--rates", "fast"], "give numbers"),
        (["--rates", "0"], "1 to 120 Hz"),
        (["--threads", "9"], "1 to 8"),
        (["--threads", "two"], "give numbers"),
    ],
)
def test_wrong_usage_is_said(arguments, says, capsys):
    with pytest.raises(SystemExit) as end:
        main(["benchmark", *arguments])
    assert end.value.code == 2
    assert says in capsys.readouterr().err
