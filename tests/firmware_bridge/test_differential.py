"""The C core shows what the Python one shows, byte for byte, under sanitizers and in simavr."""

import random

import pytest

from firmware_bridge.firmware.toolchain import CORE, SOURCES, WARNINGS, build
from firmware_bridge.verification.differential import Script, build_trace, difference
from firmware_bridge.verification.differential_scripts import directed_script, random_script
from firmware_bridge.wire.commands import Command
from firmware_bridge.wire.protocol import encode_frame


@pytest.fixture(scope="module")
def trace():
    return build_trace(sanitized=True)


def test_at_every_edge_of_the_rules_under_sanitizers(trace):
    assert difference(trace, directed_script()) is None


@pytest.mark.parametrize("seed", range(8))
def test_on_random_walks_under_sanitizers(trace, seed):
    assert difference(trace, random_script(seed)) is None


def test_a_difference_is_told(trace):
    script = Script()
    script.arm()
    script.records[-1] = b"\xff" + script.records[-1][1:]
    assert "operation 3: " in difference(trace, script)


def test_a_core_that_reads_outside_is_seen(tmp_path, trace):
    """The sanitizers do work in this build."""
    broken = (SOURCES / "frame.c").read_text().replace("< PL_MAX_PAYLOAD)", "< 255)")
    (tmp_path / "frame.c").write_text(broken)
    flags = [
        "cc", *WARNINGS, "-g", f"-I{SOURCES}",
        "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
    ]  # fmt: skip
    others = [source for source in CORE if source != "frame.c"]
    program = build("trace-broken", flags, [tmp_path / "frame.c", *others, "host/trace.c"])
    assert "ends with" in difference(program, directed_script())


def play(rig, seed):
    """The same bytes at the same times for any build; what it came to, at quiet moments."""
    rng = random.Random(seed)
    seen = []
    for _ in range(60):
        choice = rng.random()
        command = rng.choice(list(Command))
        data = rig.frame(command, rng.choice((100, 150)), sequence=rig.status.sequence + 1)
        if choice < 0.3:
            for _ in range(3):
                rig.mcu.receive(rig.frame(Command.STOP))
                rig.run(3)
        elif choice < 0.45:
            data = bytearray(data)
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        elif choice < 0.55:
            data = rng.randbytes(rng.randrange(60))
        elif choice < 0.6:
            data = encode_frame(bytes([0x43, rng.choice((1, 2))]) + rng.randbytes(10))
        elif choice < 0.65:
            data = data * 3
        elif choice < 0.7:
            rig.mcu.reset()
            rig.run(80)
        rig.mcu.receive(bytes(data))
        rig.run(rng.choice((60, 75, 300)))  # ramps are over, and no time to live nearly is
        rig.mcu.receive(b"\0")
        rig.run(5)
        seen.append((rig.mcu.state, rig.mcu.motors))
        if rng.random() < 0.2:
            rig.run(300)
            status = rig.status
            seen.append((status.session, status.sequence, status.trip, status.counters))
            rig.sequence = status.sequence
    return seen


@pytest.mark.needs("simavr")
@pytest.mark.parametrize("seed", range(6))
def test_three_builds_alike_on_the_same_bytes(make_rig, seed):
    python, host, avr = (play(make_rig(name), seed) for name in ("python", "host", "avr"))
    assert python == host
    assert python == avr
