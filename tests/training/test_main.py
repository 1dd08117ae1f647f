import json
import subprocess
import sys

import pytest

from training.__main__ import COMMANDS, main


def _fails(capsys, *arguments):
    """The one line of a command that ends with 2."""
    assert main([str(argument) for argument in arguments]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[-1].startswith("error: ")
    assert sum(line.startswith("error") for line in lines) == 1
    return lines[-1]


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help_shows_an_example(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([*([command] if command else []), "--help"])
    assert stop.value.code == 0
    assert "example:\n  python -m training" in capsys.readouterr().out


def test_help_and_bad_input_do_not_wait_for_tensorflow(tmp_path):
    code = (
        "import sys; from training.__main__ import main\n"
        f"code = main(['--data', {str(tmp_path / 'none')!r}, '--out', {str(tmp_path / 'o')!r}])\n"
        "assert code == 2, code\n"
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_wrong_input_is_one_line_and_code_2(tmp_path, capsys, lane_frames):
    lane_frames(60).save(tmp_path / "set")
    (tmp_path / "text").write_text("hello")
    out = tmp_path / "out"
    assert "no such file" in _fails(capsys, "--data", tmp_path / "none", "--out", out)
    assert "not a data set" in _fails(capsys, "--data", tmp_path / "text", "--out", out)
    common = ("train", "--data", tmp_path / "set", "--out", out)
    assert "no network" in _fails(capsys, *common, "--network", "vgg")
    assert "alpha" in _fails(capsys, *common, "--alpha", "7")
    assert "48x64 is needed" in _fails(capsys, *common, "--size", "48x64")
    assert "epochs" in _fails(capsys, *common, "--epochs", "0")
    assert "--every 0" in _fails(capsys, *common, "--every", "0")
    assert "no such file of ImageNet" in _fails(
        capsys, *common, "--imagenet-weights", tmp_path / "none.h5"
    )
    assert "not a .keras file" in _fails(capsys, "evaluate", tmp_path / "text", tmp_path / "set")
    assert "no such model" in _fails(capsys, "evaluate", tmp_path / "none", tmp_path / "set")
    assert "not a data set" in _fails(capsys, "inspect", tmp_path / "text")
    assert "no such file" in _fails(capsys, "import", tmp_path / "none", "--out", out)


@pytest.mark.parametrize("option", [("--size", "45"), ("--size", "0x9"), ("--wheels", "4")])
def test_wrong_options_end_with_code_2(option, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--data", "a", "--out", "b", *option])
    assert stop.value.code == 2


def test_trains_both_networks_and_evaluates_one(tmp_path, capsys, lane_frames):
    lane_frames(120, drives=("one", "two")).save(tmp_path / "set")
    code = main(
        [
            *("--data", str(tmp_path / "set"), "--out", str(tmp_path / "out"), "--random"),
            *("--networks", "sliced2,sliced1", "--alpha", "0.25", "--epochs", "1", "--json"),
            *("--batch", "16", "--every", "2"),
        ]
    )
    printed = capsys.readouterr()
    assert code == 0
    assert "held out: two, the last drive, since none was named" in printed.err
    facts = json.loads(printed.out.strip().splitlines()[-1])
    assert set(facts) == {"sliced2", "sliced1"}
    assert facts["sliced1"]["drives"] == "two"
    assert (
        main(["evaluate", str(tmp_path / "out" / "sliced2"), str(tmp_path / "set"), "--json"]) == 0
    )
    judged = json.loads(capsys.readouterr().out)
    assert {"accuracy", "balanced_accuracy", "confusion"} <= set(judged)
    assert sum(map(sum, judged["confusion"])) == 120


def test_import_and_inspect_count_and_draw(tmp_path, capsys, write_tub):
    tub = write_tub(tmp_path / "tub", [{}, {"user/angle": 0.5}, {"user/throttle": 0.0}])
    assert main(["import", str(tub), "--out", str(tmp_path / "sets"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    facts = report[str(tmp_path / "sets" / "tub")]
    assert facts["frames"] == 2
    assert facts["dropped"] == {"car stands or backs off": 1}
    pictures = tmp_path / "pictures"
    assert main(["inspect", str(tmp_path / "sets" / "tub"), "--out", str(pictures)]) == 0
    assert "dropped      1  car stands" in capsys.readouterr().out
    assert {p.name for p in pictures.iterdir()} == {"tub-contact.png", "tub-classes.png"}
