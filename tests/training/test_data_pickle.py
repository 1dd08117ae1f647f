import os
import pickle

import cv2
import numpy as np
import pytest

from controller.errors import DataError
from training.data.registry import open_dataset


def _folder(tmp_path, labels, pictures=("1", "2", "10")):
    folder = tmp_path / "car"
    folder.mkdir()
    for value, name in enumerate(pictures):
        cv2.imwrite(str(folder / f"{name}.png"), np.full((45, 80, 3), 10 * value, np.uint8))
    data = labels if isinstance(labels, bytes) else pickle.dumps(labels)
    (folder / "labels.pickle").write_bytes(data)
    return folder


def test_words_become_classes_in_the_order_of_the_numbers(tmp_path):
    frames = open_dataset(_folder(tmp_path, {"10": "right", "1": "up", "2": "left"}))
    assert frames.labels.tolist() == [0, 1, 2]
    assert frames.frames[:, 0, 0, 0].tolist() == [0, 10, 20]


def test_backwards_and_missing_pictures_are_counted(tmp_path):
    labels = {"1": "up", "2": "down", "10": "left", "11": "left", "../1": "up"}
    frames = open_dataset(_folder(tmp_path, labels))
    assert frames.labels.tolist() == [0, 1]
    assert frames.dropped == {
        "car drives backwards": 1,
        "picture missing": 1,
        "name outside the folder": 1,
    }


class _Evil:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (self.marker,)


def test_a_pickle_that_wants_to_run_code_is_refused_and_runs_none(tmp_path):
    marker = str(tmp_path / "executed")
    folder = _folder(tmp_path, {"1": _Evil(marker)})
    with pytest.raises(DataError, match=r"labels\.pickle: refused: it wants to load .*mkdir"):
        open_dataset(folder)
    assert not os.path.exists(marker)  # noqa: PTH110


@pytest.mark.parametrize("data", [b"", b"hello", pickle.dumps({"1": "up"})[:-4], b"\x80\x04."])
def test_a_broken_pickle_is_named(tmp_path, data):
    with pytest.raises(DataError, match=r"labels\.pickle"):
        open_dataset(_folder(tmp_path, data))


@pytest.mark.parametrize("labels", [["up"], {"1": "upwards"}, {"1": 4}])
def test_other_contents_are_named(tmp_path, labels):
    with pytest.raises(DataError, match=r"labels\.pickle"):
        open_dataset(_folder(tmp_path, labels))
