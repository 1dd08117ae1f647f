import json

import numpy as np
import pytest

from simulator.__main__ import main
from simulator.cli.drive import FACTOR_RANGES
from simulator.errors import SimulatorUsageError
from simulator.evaluation.factors import FACTORS
from simulator.pictures.video import Film
from simulator.world.world import World, WorldConfig


def _fails(capsys, *arguments):
    """The one line of a command that ends with 2 and has printed nothing else."""
    assert main([str(argument) for argument in arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    return printed.err


@pytest.mark.parametrize("command", ["drive", "evaluate", "dataset"])
def test_a_file_in_the_place_of_a_folder_is_said_before_anything_runs(tmp_path, capsys, command):
    file = tmp_path / "file"
    file.write_text("mine")
    assert "is a file" in _fails(capsys, command, "--out", file)
    assert "Not a directory" in _fails(capsys, command, "--out", file / "below")
    assert "cannot be written" in _fails(capsys, command, "--out", "/proc/self/none")
    assert file.read_text() == "mine"


def test_the_sheet_is_refused_where_it_cannot_be_written(tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder.png").mkdir()
    for name in ("x.zzz", "x"):
        assert "name a .png" in _fails(capsys, "sheet", "--out", tmp_path / name)
    assert "is a folder" in _fails(capsys, "sheet", "--out", tmp_path / "folder.png")
    assert "is a file" in _fails(capsys, "sheet", "--out", tmp_path / "file" / "x.png")
    assert "cannot be written" in _fails(capsys, "sheet", "--out", "/proc/self/none/x.png")
    assert not list(tmp_path.glob("x*"))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "cannot be read as .npy"),
        (b"PK\x03\x04 an .npz", "cannot be read as .npy"),
        (b"\x93NUMPY", "cannot be read as .npy"),
        (np.zeros((0, 10800), np.uint8), "holds no frame"),
    ],
)
def test_a_reference_without_frames_is_said(tmp_path, capsys, content, says):
    path = tmp_path / "real.npy"
    np.save(path, content) if isinstance(content, np.ndarray) else path.write_bytes(content)
    out = tmp_path / "sheet.png"
    assert says in _fails(capsys, "sheet", "--reference", path, "--out", out)
    assert not out.exists()


@pytest.mark.parametrize("rest", [[], ["--model", "teacher"], ["--halves", "{}/halves"]])
@pytest.mark.parametrize(("frames", "labels"), [(0, 0), (2, 1), (1, 2)])
def test_frames_without_labels_and_labels_without_frames_are_said(
    tmp_path, capsys, rest, frames, labels
):
    data = tmp_path / "x_data.npy"
    np.save(data, np.zeros((frames, 10800), np.uint8))
    np.save(tmp_path / "x_labels.npy", np.zeros(labels, int))
    said = _fails(capsys, "reference", data, *(word.format(tmp_path) for word in rest))
    assert f"{frames} frames and {labels} labels" in said


def test_no_turns_of_people_are_none_to_the_same_side(tmp_path, capsys):
    data = tmp_path / "x_data.npy"
    np.save(data, np.zeros((2, 10800), np.uint8))
    np.save(tmp_path / "x_labels.npy", np.zeros(2, int))
    assert main(["reference", str(data), "--model", "teacher"]) == 0
    assert "same side" not in capsys.readouterr().out
    assert main(["reference", str(data), "--model", "teacher", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["turns_to_the_same_side"] is None


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["dataset", "--clear", "nan"], "--clear is nan, must be 0.3 to 5"),
        (["dataset", "--frames", str(10**400)], "must be"),
        (["dataset", "--frames", "-1"], "must be 1 to 200000"),
        (["dataset", "--pale-share", "2"], "--pale-share is 2.0, must be 0 to 1"),
        (["dataset", "--per-drive", "0"], "--per-drive is 0, must be 1 to 200"),
        (["dataset", "--frames", "50001", "--per-drive", "50"], "must be"),
        (["evaluate", "--least", "nan"], "--least is nan, must be 0 to 1"),
        (["evaluate", "--least", "1.5"], "--least is 1.5"),
        (["evaluate", "--seconds", "nan"], "must be 1 to 3600"),
        (["evaluate", "--seconds", "inf"], "must be 1 to 3600"),
        (["evaluate", "--seconds", "-1"], "must be 1 to 3600"),
        (["evaluate", "--seed", "-1"], "--seed is -1"),
        (["sweep", "latency", "--values", "20,nan"], "latency of --values is nan, must be 0 to"),
        (["sweep", "latency", "--values", "inf"], "must be 0 to 1000"),
        (["sweep", "latency", "--values", "1e9"], "must be 0 to 1000"),
        (["drive", "--laps", "1000000"], "--laps is 1000000, must be 1 to 1000"),
        (["drive", "--seed", "-1"], "--seed is -1"),
    ],
)
def test_numbers_out_of_range_are_said_and_nothing_is_made(tmp_path, capsys, arguments, says):
    out = tmp_path / "out"
    assert says in _fails(capsys, *arguments, "--out", out)
    assert not out.exists()


def test_every_factor_has_a_range_with_its_own_values_in_it():
    assert set(FACTOR_RANGES) == set(FACTORS)
    for name, (least, most) in FACTOR_RANGES.items():
        assert all(least <= value <= most for value in FACTORS[name].values), name


def test_a_folder_by_the_name_of_a_file_of_the_drive_is_said(tmp_path, capsys):
    (tmp_path / "drive.mcap").mkdir()
    assert "drive.mcap: is a folder" in _fails(capsys, "drive", "--out", tmp_path)


def test_a_film_in_an_impossible_place_is_said(tmp_path):
    (tmp_path / "file").write_text("mine")
    with World(WorldConfig("oval")) as world:
        with pytest.raises(SimulatorUsageError, match="cannot be written"):
            Film(world, tmp_path / "file" / "x.mp4").__enter__()
        with pytest.raises(SimulatorUsageError, match="is a folder"):
            Film(world, tmp_path).__enter__()
