"""The tools of the line against the emulated firmware, as a person runs them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from firmware_bridge.__main__ import main, make_parser

ROOT = Path(__file__).parents[2]
COMMANDS = (
    "monitor", "send", "check", "bench", "build", "flash", "emulate", "vectors", "fuzz", "faults",
    "coverage", "mutants",
)  # fmt: skip


def on_emulator(*arguments):
    tool = [sys.executable, "-m", "firmware_bridge"]
    return subprocess.run(
        [*tool, "emulate", "--", *tool, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.mark.needs("simavr")
def test_check_passes_on_the_emulated_car():
    for _ in range(3):  # a machine busy with other things may miss a deadline
        done = on_emulator("check", "--on-blocks", "--json", "{pty}")
        figures = json.loads(done.stdout.splitlines()[0])
        assert len(figures["steps"]) == 10
        if done.returncode == 0:
            break
    assert [step for step in figures["steps"] if not step["ok"]] == []
    assert done.returncode == 0, done.stderr


def test_check_asks_for_blocks(capsys):
    assert main(["check", "/dev/null"]) == 2
    assert "put the car on blocks" in capsys.readouterr().err


@pytest.mark.needs("simavr")
def test_send_does_what_it_says():
    done = on_emulator("send", "--json", "--seconds", "0.3", "{pty}", "right")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[0])["obeyed"] is True
    assert re.search(r"right 0\.[1-9]", done.stdout)


@pytest.mark.needs("simavr")
def test_monitor_only_listens():
    done = on_emulator("monitor", "--seconds", "0.5", "--json", "{pty}")
    assert done.returncode == 0, done.stderr
    status = json.loads(done.stdout.splitlines()[0])
    assert status["state"] == "disarmed"
    assert status["counters"]["accepted"] == 0
    assert "commands accepted   0" in done.stdout


@pytest.mark.needs("simavr")
def test_bench_prints_round_trips_and_cpu_share():
    done = on_emulator("bench", "--count", "40", "--seconds", "1", "--json", "{pty}")
    figures = json.loads(done.stdout.splitlines()[0])
    assert 5 < figures["round_trip_ms"]["p50"] < 60  # 5.7 ms of it on the line
    assert figures["lost"] <= 2
    assert 0 < figures["link_cpu_share"] < 0.5
    assert figures["dropped"] == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(capsys, command):
    with pytest.raises(SystemExit) as ended:
        make_parser().parse_args([command, "--help"])
    assert ended.value.code == 0
    assert f"example:\n  python -m firmware_bridge {command}" in capsys.readouterr().out or (
        command == "bench"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["monitor", "/dev/no-such-device"],
        ["send", "/dev/no-such-device", "forward"],
        ["check", "--on-blocks", "/dev/no-such-*"],
        ["bench", "/dev/no-such-device"],
        ["emulate", "--pins", "/no/such/folder/pins.jsonl"],
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(capsys, arguments):
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [[], ["fly"], ["send", "x", "up"], ["fuzz", "--frames", "-1"], ["fuzz", "--frames", "many"]],
)
def test_wrong_usage_is_exit_code_2(arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
