import json

import numpy as np
import pytest

from controller.errors import DataError
from controller.model.pilot import DEFAULT_MODEL, TflitePilot, find_model
from simulator.__main__ import main
from simulator.errors import SimulatorUsageError
from simulator.evaluation.real_frames import Judgement, judge_reference


@pytest.fixture
def data(tmp_path):
    """Seven frames of noise; people's labels."""
    rng = np.random.default_rng(1)
    np.save(tmp_path / "some_data.npy", rng.integers(0, 256, (7, 10800), np.uint8))
    np.save(tmp_path / "some_labels.npy", np.array([0, 1, 2, 0, 1, 2, 0]))
    return tmp_path / "some_data.npy"


def test_the_table_counts_right_answers_and_swaps():
    judgement = Judgement(((2, 1, 0), (0, 3, 1), (1, 0, 2)), (0,) * 10)
    assert judgement.accuracy == pytest.approx(0.7)
    assert judgement.swaps == 1
    lines = judgement.table().splitlines()
    assert lines[0].split() == ["forward", "left", "right"]
    assert lines[2].split() == ["people:", "left", "model:", "0", "3", "1"]
    assert lines[-1] == "10 frames, accuracy 0.700, left/right swaps 1"


def test_frames_are_shown_to_the_model_in_rgb(data):
    judgement = judge_reference(find_model(DEFAULT_MODEL), data)
    pilot = TflitePilot(find_model(DEFAULT_MODEL))
    expected = []
    for row in np.load(data):
        pilot.fit(np.ascontiguousarray(row.reshape(45, 80, 3)[..., ::-1]))
        expected.append(int(np.argmax(pilot.infer())))
    assert judgement.answers == tuple(expected)
    assert np.sum(judgement.confusion, axis=1).tolist() == [3, 2, 2]


def test_the_command_prints_figures_and_may_fall_short(data, capsys):
    assert main(["reference", str(data), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["frames"] == 7
    assert len(figures["answers"]) == 7
    right = sum(figures["confusion"][label][label] for label in range(3))
    assert figures["accuracy"] == pytest.approx(right / 7)
    assert main(["reference", str(data), "--least", "1"]) == 1
    assert "accuracy" in capsys.readouterr().out


def test_halves_hold_every_frame_once_and_both_hold_every_class(data, tmp_path, capsys):
    assert main(["reference", str(data), "--halves", str(tmp_path / "halves")]) == 0
    rows, labels = [], []
    for half in ("even", "odd"):
        rows.append(np.load(tmp_path / "halves" / f"{half}_data.npy"))
        labels.append(np.load(tmp_path / "halves" / f"{half}_labels.npy"))
    assert [part.tolist() for part in labels] == [[0, 1, 2, 0], [0, 1, 2]]
    order = [0, 1, 2, 6, 3, 4, 5]
    assert np.array_equal(np.concatenate(rows), np.load(data)[order])
    assert "even_data.npy" in capsys.readouterr().out


def test_what_is_no_labelled_data_is_refused(data, tmp_path):
    model = find_model(DEFAULT_MODEL)
    with pytest.raises(SimulatorUsageError, match="must be named"):
        judge_reference(model, tmp_path / "some_labels.npy")
    np.save(tmp_path / "some_labels.npy", np.array([0, 1, 2, 0, 1, 2, 3]))
    with pytest.raises(SimulatorUsageError, match="labels must be"):
        judge_reference(model, data)
    np.save(tmp_path / "some_labels.npy", np.array([0, 1, 2]))
    with pytest.raises(SimulatorUsageError, match="7 frames and 3 labels"):
        judge_reference(model, data)
    (tmp_path / "some_labels.npy").unlink()
    with pytest.raises(DataError, match="cannot be read"):
        judge_reference(model, data)
