import argparse
import os
import subprocess
import sys
from pathlib import Path

import pytest

from firmware_bridge.__main__ import main
from firmware_bridge.cli.common import job_count, positive_int, seed_number
from firmware_bridge.cli.emulate import _PinFile
from firmware_bridge.emulation.avr_mcu import PinChange
from firmware_bridge.errors import EmulatorError, LinkError
from firmware_bridge.links.serial import find_device
from firmware_bridge.wire.commands import McuState, MotorOutputs

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("pattern", ["/dev/**x", "/dev/a\0*", "**x"])
def test_what_is_no_pattern_is_a_link_error(pattern, capsys):
    with pytest.raises(LinkError, match=r"no pattern|no serial device matches"):
        find_device(pattern)
    assert main(["monitor", "--seconds", "1", pattern]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    "device",
    ["loop://?logging=x", "loop://?x=1", "hwgrep://[", "hwgrep://(", "hwgrep://*", "socket://["],
)
def test_a_url_that_pyserial_makes_nothing_of_is_a_link_error(device, capsys):
    assert main(["monitor", "--seconds", "1", device]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: cannot open the serial device {device!r}")
    assert said.count("\n") == 1


def _vectors(output, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "firmware_bridge", "vectors", *arguments],
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_a_reader_that_has_enough_is_no_error(arguments):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as output:
        process = _vectors(output, *arguments)
    assert process.communicate(timeout=30)[1] == ""
    assert process.returncode == 0


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_a_full_disk_is_one_line(arguments):
    with Path("/dev/full").open("w") as full:
        process = _vectors(full, *arguments)
    said = process.communicate(timeout=30)[1]
    assert said == "error: cannot go on: No space left on device\n"
    assert process.returncode == 2


def test_pins_on_a_full_disk_are_an_emulator_error():
    change = PinChange(1.0, MotorOutputs(0.0, 0.0), False, McuState.DISARMED, 0)
    with pytest.raises(EmulatorError, match=r"cannot write /dev/full: No space"):  # noqa: SIM117
        with _PinFile(Path("/dev/full")) as pins:
            pins(change)


@pytest.mark.parametrize(
    ("kind", "text", "limit"),
    [
        (positive_int, "1e300", "1e15"),
        (positive_int, "1000000000000001", "1e15"),
        (positive_int, "inf", "1e15"),
        (positive_int, "nan", "1e15"),
        (positive_int, "0", "1e15"),
        (positive_int, "1.5", "1e15"),
        (seed_number, "1e99", "2**63 - 1"),
        (seed_number, str(2**63), "2**63 - 1"),
        (job_count, "1e9", "1000"),
    ],
)
def test_numbers_out_of_range_are_refused(kind, text, limit):
    with pytest.raises(argparse.ArgumentTypeError) as caught:
        kind(text)
    assert str(caught.value) == f"{text!r} is no whole number from 1 to {limit}"


def test_numbers_in_range_are_exact():
    assert positive_int("1e15") == 10**15
    assert positive_int("1e8") == 100_000_000
    assert seed_number(str(2**63 - 1)) == 2**63 - 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["monitor", "loop://", "--every", "1e300"], "is no number above 0 and up to 1e9"),
        (["send", "loop://", "stop", "--seconds", "inf"], "is no number above 0"),
        (["build", "--define", "300"], "argument --define: '300' is no NAME=VALUE"),
        (["build", "--define", "A=1\nB"], "is no NAME=VALUE"),
    ],
)
def test_what_no_timer_and_no_compiler_takes_is_refused(words, says, capsys):
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("option", [("--frames", "1e300"), ("--seed", "1e99"), ("--jobs", "1e9")])
def test_fuzz_refuses_absurd_numbers(option, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["fuzz", *option])
    assert stop.value.code == 2
    assert f"argument {option[0]}: {option[1]!r} is no whole number" in capsys.readouterr().err
