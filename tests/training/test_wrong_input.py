import sys
import zipfile

import pytest

from controller.errors import ModelError
from training.__main__ import main
from training.backend import find_model_file
from training.errors import RunError, SpecError
from training.pipeline.recipes import recipe_of
from training.runs.folder import RunFolder


@pytest.mark.parametrize("rate", [float("nan"), float("inf"), -1.0, 0.0])
def test_a_learning_rate_is_a_finite_number_above_0(rate):
    with pytest.raises(SpecError, match=f"learning rate is {rate}, must be a finite number"):
        recipe_of("default", pretrained=False, learning_rate=rate)


def test_a_run_folder_that_is_a_file_is_said(tmp_path):
    file = tmp_path / "text"
    file.write_text("mine")
    for path in (file, file / "sliced11", file / "deeper" / "still"):
        with pytest.raises(RunError, match=f"{file}: is a file, a folder for runs is needed"):
            RunFolder(path).begin({})
    assert file.read_text() == "mine"


@pytest.mark.parametrize("command", [[], ["train"]])
@pytest.mark.parametrize("option", [("--learning-rate", "nan"), ("--out", "TEXT")])
def test_both_end_with_one_line_and_code_2(tmp_path, capsys, lane_frames, command, option):
    loaded = "keras" in sys.modules
    lane_frames(60).save(tmp_path / "set")
    (tmp_path / "text").write_text("mine")
    words = [word.replace("TEXT", str(tmp_path / "text")) for word in option]
    data = ["--data", str(tmp_path / "set")]
    assert main([*command, *data, "--out", str(tmp_path / "out"), *words]) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert len(errors) == 1
    assert ("is a file" if option[0] == "--out" else "learning rate is nan") in errors[0]
    assert not (tmp_path / "out").exists()
    assert loaded == ("keras" in sys.modules)


def test_what_is_no_model_is_said_without_keras(tmp_path):
    text = tmp_path / "text.keras"
    text.write_text("hello")
    with pytest.raises(ModelError, match=r"text\.keras: not a \.keras file"):
        find_model_file(text)
    with pytest.raises(ModelError, match=r"model\.keras: no such model file"):
        find_model_file(tmp_path)
    text.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(ModelError, match=r"model that can be loaded: .*zip"):
        find_model_file(text)
    with zipfile.ZipFile(text, "w") as archive:
        archive.writestr("photo.txt", "x")
    with pytest.raises(ModelError, match=r"no item named 'config\.json'"):
        find_model_file(text)
