"""What all tests share: where real data lies, and a run in which nothing may skip."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tools import skip_what_cannot_run, summary

REPOSITORY = Path(__file__).parent.parent
SHARED = REPOSITORY.parent / "shared"


REAL_TIME = (
    "tests/controller/test_benchmark",
    "tests/controller/test_driving",
    "tests/controller/test_faults",
    "tests/controller/test_service",
    "tests/controller/test_warm_up",
    "tests/firmware_bridge/test_emulat",
    "tests/firmware_bridge/test_serial",
    "tests/firmware_bridge/test_tools",
    "tests/simulator/test_endurance",
    "tests/systemd/",
)
"""Files whose tests watch the clock: they run one after the other, with nothing beside them."""


def is_real_time(item: pytest.Item) -> bool:
    """Whether a test is of `REAL_TIME`."""
    return item.path.relative_to(REPOSITORY).as_posix().startswith(REAL_TIME)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--part",
        choices=("all", "independent", "real-time"),
        default="all",
        help="only tests that run well side by side (-n 2), or only those that watch the clock",
    )
    parser.addoption(
        "--no-skips", action="store_true", help="a skipped test fails the run, as in CI"
    )
    parser.addoption(
        "--repeats", type=int, default=1, help="how often each row of the fault suite is run"
    )
    parser.addoption(
        "--fuzz-frames", type=float, default=2e6, help="corrupted frames for the firmware's core"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.fault_rows = pytest.StashKey()
    config.stash[config.fault_rows] = []


def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:
    """What to install for what was skipped; the fault suite's table with the worst seen."""
    skipped = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    line = summary(skipped)
    if line:
        terminalreporter.write_line(line, yellow=True)
    rows = config.stash[config.fault_rows]
    if not rows:
        return
    terminalreporter.section("faults, motors as the emulated firmware's pins say")
    terminalreporter.write_line(
        f"{'fault':24}{'required':42}{'bound ms':>9}{'worst ms':>10}{'repeats':>9}"
    )
    for fault, required, bound_ms, worst_ms, repeats in rows:
        terminalreporter.write_line(
            f"{fault:24}{required:42}{bound_ms:9.0f}{worst_ms:10.1f}{repeats:9}"
        )


@pytest.fixture(scope="session")
def tubs() -> Path:
    """Real Donkeycar tubs, where they are there."""
    folder = SHARED / "data" / "tubs"
    if not folder.is_dir():
        pytest.skip("no real recordings beside the checkout (../shared/data/tubs)")
    return folder


@pytest.fixture(scope="session")
def paper_lane() -> Path:
    """The reference data set's real sample, where it is there."""
    folder = SHARED / "data" / "paper_lane"
    if not folder.is_dir():
        pytest.skip("no real frames beside the checkout (../shared/data/paper_lane)")
    return folder


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out slow tests (unless asked for: `-m slow`) and the other part of the suite."""
    skip_what_cannot_run(items)
    part, slow_too = config.option.part, bool(config.option.markexpr)
    chosen = [
        item
        for item in items
        if (slow_too or item.get_closest_marker("slow") is None)
        and part in ("all", "real-time" if is_real_time(item) else "independent")
    ]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if session.config.option.no_skips and skipped and session.exitstatus == 0:
        reporter.write_line(f"{len(skipped)} tests skipped: --no-skips allows none", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
