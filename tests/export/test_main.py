import json
import subprocess
import sys

import pytest

from controller.model.cards import card_path, read_card, write_card
from controller.model.pilot import TflitePilot, shipped_models
from export.__main__ import COMMANDS, main
from export.cli import export as cli_export
from export.cli.card import check_schema
from export.parity.compare import Parity


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
    assert "example:\n  python -m export" in capsys.readouterr().out


def _common(trained, out):
    return [
        *(str(trained / "run" / "model.keras"), "--calibration", str(trained / "train")),
        *("--out", str(out)),
    ]


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    """What one run of the command printed, and where it wrote."""
    out = tmp_path_factory.mktemp("exported")
    done = subprocess.run(
        [sys.executable, "-m", "export", *_common(trained, out), "--json", "--name", "easy"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done, out


def test_prints_one_object_with_the_figures_of_each_format(exported):
    done, _ = exported
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert set(facts) == {"float32", "int8"}
    for figures in facts.values():
        assert {
            "size_bytes",
            "agreement",
            "accuracy",
            "balanced_accuracy",
            "accuracy_lost_points",
        } <= set(figures)
        assert figures["accuracy"] > 0.9
    assert facts["int8"]["size_bytes"] < facts["float32"]["size_bytes"]
    assert "warn" not in done.stderr.lower()


def test_the_card_says_how_the_model_was_made(exported):
    _, out = exported
    model = out / "easy-int8.tflite"
    card = TflitePilot(model).card
    facts = card.facts
    assert card.name == "easy"
    assert facts["calibration"]["drives"] == ["one", "two"]
    assert facts["held_out"]["drives"] == ["held"]
    assert facts["held_out"]["accuracy"] > 0.9
    assert facts["training"]["drives"] == ["one", "two"]
    assert facts["training"]["recipe"]["epochs"] == 6
    assert facts["training"]["initial_weights"] == {"from": "random", "licence": "none needed"}
    assert facts["parameters"] == 5875
    assert facts["macs"] > 100_000
    assert facts["operators"]["CONV_2D"] == 5
    assert facts["rounding"] == "GPTQ"
    assert facts["latency"]["p50_ms"] > 0
    assert facts["latency"]["runtime"].startswith("ai-edge-litert ")
    check_schema(facts)
    assert facts["output"]["scale"] == pytest.approx(1 / 256)
    assert "/" not in card_path(model).read_text(), "a path of this machine in the card"


def test_the_parity_report_has_every_layer(exported):
    _, out = exported
    facts = json.loads((out / "easy-parity.json").read_text())
    assert set(facts["formats"]) == {"float32", "int8"}
    names = [layer["name"] for layer in facts["layers"]]
    assert names[:4] == ["conv1", "conv_dw_1", "conv_pw_1", "conv_dw_2"]
    assert len(names) == 1 + 2 * 4 + 3
    assert all(10 < layer["snr_db"] < 100 for layer in facts["layers"]), facts["layers"]
    page = (out / "easy-parity.html").read_text()
    assert "conv_pw_4" in page
    assert "forward" in page


def test_the_same_command_gives_the_same_bytes_in_another_process(exported, trained, tmp_path):
    _, out = exported
    assert main([*_common(trained, tmp_path), "--name", "easy"]) == 0
    for form in ("float32", "int8"):
        name = f"easy-{form}.tflite"
        assert (tmp_path / name).read_bytes() == (out / name).read_bytes()


def test_bench_times_every_file_and_knows_its_work(exported, capsys):
    _, out = exported
    arguments = [str(out), "--invokes", "40", "--threads", "1,2", "--json"]
    assert main(["bench", *arguments, "--against", "easy-float32"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert len(facts["files"]) == 6
    assert {entry["file"] for entry in facts["files"]} == {
        "easy-float32.tflite",
        "easy-int8.tflite",
        "donkeycar-sized-int8.tflite",
    }
    assert set(facts["int8_peak_macs_per_s"]) == {"1", "2"}
    for entry in facts["files"]:
        assert 0 < entry["invoke_ms"]["p50"] <= entry["invoke_ms"]["p99"]
        assert entry["macs_per_s"] == pytest.approx(
            entry["macs"] / entry["invoke_ms"]["p50"] * 1000, rel=0.02
        )
        assert 0 < entry["share_of_int8_peak"] < 1.2
        faster = entry["times_faster_than"]["easy-float32"]
        assert faster == 1 if entry["file"] == "easy-float32.tflite" else faster > 0
        if "easy" in entry["file"]:
            assert entry["held_out"]["accuracy"] > 0.9
    assert "no .tflite file" in _fails(capsys, "bench", out.parent / "none")
    assert "--threads" in _fails(capsys, "bench", out, "--threads", "0")
    assert "there are easy-float32, easy-int8" in _fails(capsys, "bench", out, "--against", "easy")


def test_bench_prints_tables_for_people_and_for_a_page(exported, capsys):
    _, out = exported
    arguments = ["bench", str(out), "--invokes", "20", "--threads", "1", "--no-references"]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "int8 peak" not in printed
    assert [line.split()[0] for line in printed.splitlines()[-2:]] == ["easy-float32", "easy-int8"]
    assert main([*arguments, "--markdown"]) == 0
    tables = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert sum("`easy-int8`" in line for line in tables) == 2
    assert len({line.count("|") for line in tables[:4]}) == 1


def test_the_card_is_printed_for_people(exported, capsys):
    _, out = exported
    assert main(["card", str(out / "easy-int8.tflite")]) == 0
    text = capsys.readouterr().out
    assert "1x45x80x3 uint8 RGB" in text
    assert "one, two" in text
    assert "ms median" in text
    assert "licence: none needed" in text


@pytest.mark.parametrize("model", shipped_models(), ids=lambda path: path.stem)
def test_every_shipped_card_is_as_the_schema_has_it(model, capsys):
    assert main(["card", str(model)]) == 0
    assert model.stem in capsys.readouterr().out


def test_a_card_that_lacks_what_the_schema_wants_is_refused(exported, tmp_path, capsys):
    _, out = exported
    model = tmp_path / "easy.tflite"
    model.write_bytes((out / "easy-int8.tflite").read_bytes())
    facts = dict(read_card(out / "easy-int8.tflite").facts)
    del facts["held_out"]
    write_card(model, "easy", (45, 80), facts)
    assert "held_out" in _fails(capsys, "card", model)
    assert TflitePilot(model).shape == (45, 80), "the car needs less"


def test_a_changed_file_or_card_is_refused(exported, tmp_path, capsys):
    _, out = exported
    for name in ("easy-int8.tflite", "easy-int8.json"):
        (tmp_path / name).write_bytes((out / name).read_bytes())
    model = tmp_path / "easy-int8.tflite"
    data = bytearray(model.read_bytes())
    data[len(data) // 2] ^= 1
    model.write_bytes(data)
    assert "not the file that its card describes" in _fails(capsys, "card", model)
    model.write_bytes((out / model.name).read_bytes())
    card = json.loads(card_path(model).read_text())
    card["classes"] = ["left", "forward", "right"]
    card_path(model).write_text(json.dumps(card))
    assert "classes" in _fails(capsys, "card", model)
    card_path(model).unlink()
    assert "no card" in _fails(capsys, "card", model)


def test_wrong_input_is_one_line_and_code_2(trained, tmp_path, capsys, lane_frames):
    out = tmp_path / "out"
    model = trained / "run" / "model.keras"
    data = ("--calibration", trained / "train", "--out", out)
    assert "no such model" in _fails(capsys, tmp_path / "none.keras", *data)
    (tmp_path / "text.keras").write_text("hello")
    held = ("--held-out", trained / "held")
    assert "not a .keras file" in _fails(capsys, tmp_path / "text.keras", *data, *held)
    (tmp_path / "cut.keras").write_bytes(model.read_bytes()[:5000])
    assert "not a Keras model" in _fails(capsys, tmp_path / "cut.keras", *data, *held)
    assert "unknown" in _fails(capsys, model, *data, "--formats", "int4")
    assert "no such file" in _fails(capsys, model, *data, "--held-out", tmp_path / "none")
    lane_frames(30, shape=(48, 64)).save(tmp_path / "wide")
    wide = ("--calibration", tmp_path / "wide", "--out", out)
    assert "45x80 is needed" in _fails(capsys, model, *wide)
    frames = lane_frames(90)
    import numpy as np

    frames.take(np.flatnonzero(frames.labels != 1)).save(tmp_path / "lacking")
    lacking = ("--calibration", tmp_path / "lacking", "--out", out)
    assert "no frame of class 'left'" in _fails(capsys, model, *lacking)
    (tmp_path / "alone.keras").write_bytes(model.read_bytes())
    assert "--held-out" in _fails(capsys, tmp_path / "alone.keras", *data)


def test_every_third_held_out_frame_is_enough_for_a_slow_network(trained, tmp_path, capsys):
    arguments = [*_common(trained, tmp_path), "--formats", "int8", "--every", "3", "--json"]
    assert main([*arguments, "--nearest"]) == 0
    assert json.loads(capsys.readouterr().out)["int8"]["frames"] == 50
    assert read_card(tmp_path / "sliced4.tflite").facts["rounding"] == "nearest"
    assert "--every 0" in _fails(capsys, *_common(trained, tmp_path), "--every", "0")


def test_falling_short_is_code_1_and_says_what_to_try(trained, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(Parity, "good", property(lambda self: False))
    assert main([*_common(trained, tmp_path), "--formats", "int8"]) == cli_export.FELL_SHORT
    printed = capsys.readouterr()
    assert "fell short: int8" in printed.err
    assert "int8x16" in printed.err
    assert (tmp_path / "sliced4.tflite").is_file()
