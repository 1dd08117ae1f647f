import json

import pytest

from firmware_bridge.__main__ import main
from firmware_bridge.firmware.toolchain import SOURCES
from firmware_bridge.verification.fuzz import build_fuzzer, fuzz
from firmware_bridge.wire.protocol import COUNTERS

pytestmark = pytest.mark.needs("compiler")


def test_no_wrong_command_in_millions_of_corrupted_frames(request):
    """Two million; CI asks for a hundred."""
    frames = int(request.config.getoption("--fuzz-frames"))
    result = fuzz(build_fuzzer(sanitized=False), frames, seed=7, jobs=2)
    assert result.frames == frames
    assert result.wrong_commands == 0
    assert result.accepted > frames // 4  # it was driven all the while
    assert set(result.rejects) == set(COUNTERS[1:])
    assert all(count > 0 for count in result.rejects.values())


def test_under_sanitizers():
    result = fuzz(build_fuzzer(sanitized=True), 300_000, seed=8, jobs=2)
    assert result.wrong_commands == 0


def test_the_same_seed_gives_the_same_frames():
    program = build_fuzzer(sanitized=False)
    one, other = (fuzz(program, 50_000, seed=3, jobs=2) for _ in range(2))
    assert (one.accepted, one.rejects) == (other.accepted, other.rejects)
    assert fuzz(program, 50_000, seed=4, jobs=2).rejects != one.rejects


@pytest.mark.parametrize(
    ("file", "sound", "broken"),
    [
        ("frame.c", "return PL_BAD_CRC;", "return PL_FRAME;"),
        ("core.c", "if (session != core->session || session == 0)", "if (session == 0)"),
        ("core.c", "if (sequence <= core->sequence)", "if (sequence < core->sequence)"),
        ("core.c", "core->trips++;", ";"),
        ("core.c", "if (core->stops == PL_ARMING_STOPS)", "if (core->stops == 2)"),
        ("core.c", "since(core, core->obeyed_ms) >= core->ttl_ticks", "false"),
        ("core.c", "if (payload[0] != PL_TYPE_COMMAND)", "if (false)"),
        ("core.c", "|| ttl_ms > PL_MAX_TTL_MS", ""),
        ("core.c", "motors_off(core);\n    core->trip", "core->trip"),
    ],
)
def test_the_judge_sees_a_broken_core(tmp_path, file, sound, broken):
    for name in ("frame.c", "core.c"):
        text = (SOURCES / name).read_text()
        if name == file:
            assert sound in text
            text = text.replace(sound, broken)
        for header in ("core.h", "bytes.h", "frame.h"):
            text = text.replace(f'"{header}"', f'"{SOURCES}/{header}"')
        (tmp_path / name).write_text(text)
    program = build_fuzzer([tmp_path / "frame.c", tmp_path / "core.c"], sanitized=False)
    assert fuzz(program, 300_000, seed=1, jobs=1).wrong_commands > 0


def test_prints_figures_for_machines(capsys):
    assert main(["fuzz", "--frames", "1e5", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["frames"] == 100_000
    assert figures["wrong_commands"] == 0
    assert figures["frames_per_s"] > 10_000
