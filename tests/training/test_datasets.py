import numpy as np
import pytest

from controller.errors import DataError
from controller.recording.frameset import load_frameset
from training.data.registry import import_dataset, open_dataset


def test_import_gives_the_same_frames_as_opening(tmp_path, write_tub):
    tub = write_tub(tmp_path / "tub", [{}, {"user/angle": 0.5}, {}, {"user/angle": -0.5}])
    (tub / "images" / "2_cam_image_array_.jpg").write_bytes(b"")
    opened = open_dataset(tub)
    import_dataset(tub, (45, 80), tmp_path / "set")
    loaded = load_frameset(tmp_path / "set")
    np.testing.assert_array_equal(opened.frames, loaded.frames)
    assert loaded.frames.shape == (3, 45, 80, 3)
    assert isinstance(loaded.frames, np.memmap)
    assert loaded.labels.tolist() == [0, 2, 1]
    assert loaded.dropped == {"picture of zero bytes": 1}
    assert loaded.times_ns.tolist() == opened.times_ns.tolist()


def test_import_refuses_to_write_over_something(tmp_path, write_tub):
    tub = write_tub(tmp_path / "tub", [{}])
    with pytest.raises(DataError, match="not empty"):
        import_dataset(tub, (45, 80), tub)


def test_frames_are_fitted_to_the_size_asked_for(tmp_path, write_tub):
    tub = write_tub(tmp_path / "tub", [{}])
    assert open_dataset(tub, (48, 64)).shape == (48, 64)


def test_a_frame_set_of_another_size_is_refused(tmp_path, lane_frames):
    lane_frames(6).save(tmp_path / "set")
    assert open_dataset(tmp_path / "set", (45, 80)).shape == (45, 80)
    with pytest.raises(DataError, match="frames are 45x80, 48x64 is needed"):
        open_dataset(tmp_path / "set", (48, 64))


def test_what_is_no_data_set_is_said_in_one_line(tmp_path):
    with pytest.raises(DataError, match="no such file or folder"):
        open_dataset(tmp_path / "nothing")
    with pytest.raises(DataError, match="not a data set of a known kind"):
        open_dataset(tmp_path)
    (tmp_path / "text").write_text("hello")
    with pytest.raises(DataError, match="not a data set of a known kind"):
        open_dataset(tmp_path / "text")
