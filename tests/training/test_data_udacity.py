import cv2
import numpy as np
import pytest

from controller.errors import DataError
from training.data.registry import open_dataset


def _folder(tmp_path, rows, heading=True):
    folder = tmp_path / "log"
    (folder / "IMG").mkdir(parents=True)
    lines = ["center,left,right,steering,throttle,brake,speed"] if heading else []
    for index, row in enumerate(rows):
        if isinstance(row, str):
            lines.append(row)
            continue
        stamp = f"2016_12_01_13_30_48_{100 * index:03d}"
        cells = []
        for camera in ("center", "left", "right"):
            name = f"{camera}_{stamp}.jpg"
            cv2.imwrite(str(folder / "IMG" / name), np.full((160, 320, 3), 90, np.uint8))
            cells.append(rf"C:\Users\somebody\IMG\{name}" if index % 2 else f"IMG/{name}")
        lines.append(", ".join([*cells, str(row[0]), "0.5", "0", str(row[1])]))
    (folder / "driving_log.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.mark.parametrize("heading", [True, False])
def test_side_cameras_are_corrected_towards_the_middle(tmp_path, heading):
    frames = open_dataset(_folder(tmp_path, [(0.0, 20), (-0.5, 20)], heading))
    np.testing.assert_allclose(frames.steering, [0, 0.2, -0.2, -0.5, -0.3, -0.7], atol=1e-6)
    assert frames.labels.tolist() == [0, 2, 1, 1, 1, 1]
    assert frames.times_ns.tolist() == [0] * 3 + [100_000_000] * 3
    assert frames.shape == (45, 80)


def test_what_is_dropped_is_counted(tmp_path):
    rows = [
        (0.0, 20),
        (0.0, 0.0),
        "IMG/none.jpg,IMG/none.jpg,IMG/none.jpg,0,0,0,20",
        "IMG/x.jpg",
        "a,b,c,straight,0,0,20",
        ",,,0,0,0,20",
        "a.jpg,b.jpg,c.jpg,nan,0,0,20",
        "IMG/center_2016_13_41_99_30_48_000.jpg,,,0,0,0,20",
    ]
    frames = open_dataset(_folder(tmp_path, rows))
    assert len(frames) == 3
    assert frames.dropped == {
        "car stands": 1,
        "picture missing": 4,
        "row without a picture or steering": 4,
    }


def test_a_log_that_is_no_text_is_named(tmp_path):
    folder = _folder(tmp_path, [])
    (folder / "driving_log.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(DataError, match=r"driving_log\.csv"):
        open_dataset(folder)
