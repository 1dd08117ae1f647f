"""What all tests share: where real data lies, and a run in which nothing may skip."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tools import skip_what_cannot_run, summary

REPOSITORY = Path(__file__).parent.parent
SHARED = REPOSITORY.parent / "shared"


def pytest_addoption(parser: pytest.Parser) -> None:
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
    """Skip what lacks its tools. Slow tests run only when asked for by name: `-m slow`."""
    skip_what_cannot_run(items)
    if config.option.markexpr:
        return
    chosen = [item for item in items if item.get_closest_marker("slow") is None]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if session.config.option.no_skips and skipped and session.exitstatus == 0:
        reporter.write_line(f"{len(skipped)} tests skipped: --no-skips allows none", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
