from pathlib import Path

import pytest

from firmware_bridge.firmware.toolchain import SOURCES
from firmware_bridge.verification.differential_scripts import directed_script, random_script
from firmware_bridge.verification.mutants import mutants
from firmware_bridge.verification.mutation import MUTATED, all_mutants, judge, load_equivalent


def changes(tmp_path, code):
    path = Path(tmp_path / "some.c")
    path.write_text(code)
    return {mutant.after for mutant in mutants(path)}


def test_faults_of_a_line(tmp_path):
    assert changes(tmp_path, "    if (a < PL_B && !c) /* < */\n") == {
        "if (a <= PL_B && !c)",
        "if (a > PL_B && !c)",
        "if (a < (PL_B + 1) && !c)",
        "if (a < (PL_B - 1) && !c)",
        "if (a < PL_B || !c)",
        "if (a < PL_B && c)",
        "if (0)",
        "if (1)",
    }
    assert changes(tmp_path, "    core->x += 7;\n") == {
        "core->x -= 7;",
        "core->x += 8;",
        "core->x += 6;",
        ";",
    }


def test_declarations_comments_and_pointers_are_left_alone(tmp_path):
    code = "static void f(const uint8_t *a);\n/* a + b\n 1 + 2 */\n    uint8_t b[4];\n#define C 1\n"
    assert changes(tmp_path, code) == set()


def test_every_part_of_the_core_has_mutants():
    assert {mutant.file for mutant in all_mutants()} == set(MUTATED)
    assert len(all_mutants()) > 600


def test_justified_survivors_still_exist():
    known = {(mutant.file, mutant.before, mutant.after) for mutant in all_mutants()}
    assert load_equivalent() <= known


@pytest.mark.needs("compiler")
def test_a_sample_of_mutants_is_killed():
    sample = all_mutants()[::17]
    verdicts = judge(sample, [directed_script(), random_script(0)], jobs=2)
    assert [v.mutant for v in verdicts if v.fate == "survived"] == []
    assert sum(verdict.fate == "killed" for verdict in verdicts) > 30


@pytest.mark.needs("compiler")
def test_what_changes_nothing_survives():
    sound = (SOURCES / "core.c").read_text()
    mutant = all_mutants()[0]
    same = type(mutant)("core.c", 1, "x", "x", sound + "\n/* the same */\n")
    (verdict,) = judge([same], [random_script(0)], jobs=1)
    assert verdict.fate == "survived"


@pytest.mark.slow
@pytest.mark.needs("compiler")
def test_every_mutant_is_killed():
    verdicts = judge(all_mutants(), [directed_script()], jobs=2)
    assert [v.mutant for v in verdicts if v.fate == "survived"] == []
