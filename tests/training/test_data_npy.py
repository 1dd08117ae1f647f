import numpy as np
import pytest

from controller.errors import DataError
from training.data.registry import open_dataset


def _write(folder, stem, rows, labels):
    folder.mkdir(exist_ok=True)
    np.save(folder / f"{stem}_data.npy", rows)
    np.save(folder / f"{stem}_labels.npy", labels)


def test_rows_are_bgr_and_become_rgb(tmp_path):
    row = np.zeros((1, 45, 80, 3), np.uint8)
    row[..., 0] = 200  # blue, as OpenCV stores it
    row[0, 3, 5] = (1, 2, 3)
    _write(tmp_path / "d", "train", row.reshape(1, -1), np.array([1], np.uint8))
    frames = open_dataset(tmp_path / "d")
    assert frames.frames[0, 0, 0].tolist() == [0, 0, 200]
    assert frames.frames[0, 3, 5].tolist() == [3, 2, 1]
    assert frames.labels.tolist() == [1]


def test_each_pair_is_a_drive_in_the_order_train_valid_test(tmp_path):
    for stem, count in (("test", 1), ("train", 3), ("valid", 2)):
        _write(tmp_path / "d", stem, np.zeros((count, 10800), np.uint8), np.zeros(count, int))
    frames = open_dataset(tmp_path / "d")
    assert frames.drive_names == ("train", "valid", "test")
    assert frames.drives.tolist() == [0, 0, 0, 1, 1, 2]


@pytest.mark.parametrize(
    ("rows", "labels", "words"),
    [
        (np.zeros((2, 10800), np.uint8), np.array([0, 7]), "row 1: label 7"),
        (np.zeros((2, 10800), np.uint8), np.array([0]), "2 rows but 1 labels"),
        (np.zeros((2, 10799), np.uint8), np.array([0, 1]), "10799"),
        (np.zeros((2, 10800), np.float32), np.array([0, 1]), "float32"),
        (np.zeros((2, 10800), np.uint8), np.array([0.0, 1.0]), "float64"),
    ],
)
def test_wrong_arrays_are_named(tmp_path, rows, labels, words):
    _write(tmp_path / "d", "train", rows, labels)
    with pytest.raises(DataError, match=words):
        open_dataset(tmp_path / "d")


def test_a_short_file_and_a_missing_one_are_named(tmp_path):
    _write(tmp_path / "d", "train", np.zeros((9, 10800), np.uint8), np.zeros(9, int))
    data = tmp_path / "d" / "train_data.npy"
    data.write_bytes(data.read_bytes()[:50_000])
    with pytest.raises(DataError, match=r"train_data\.npy: not a complete"):
        open_dataset(tmp_path / "d")
    (tmp_path / "d" / "train_labels.npy").unlink()
    data.write_bytes(b"")
    with pytest.raises(DataError, match=r"train_data\.npy"):
        open_dataset(tmp_path / "d")


def test_a_pickle_in_an_npy_is_not_unpickled(tmp_path):
    (tmp_path / "d").mkdir()
    np.save(tmp_path / "d" / "train_data.npy", np.array([{"a": 1}], object), allow_pickle=True)
    np.save(tmp_path / "d" / "train_labels.npy", np.zeros(1, int))
    with pytest.raises(DataError, match=r"train_data\.npy"):
        open_dataset(tmp_path / "d")


def test_the_reference_frames_show_a_brown_floor(shared_data):
    frames = open_dataset(shared_data / "paper_lane")
    assert np.bincount(frames.labels).tolist() == [17, 15, 8]
    red, _, blue = frames.frames[:, 35:].mean(axis=(0, 1, 2))
    assert red > blue, "read as BGR the floor is blue"
