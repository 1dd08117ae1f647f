from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest

from controller.errors import DataError
from controller.recording.tubs import is_tub, read_picture, read_records
from firmware_bridge.wire.commands import Command


def _record(index, angle=0.0, throttle=0.5, **changes):
    record = {
        "_index": index,
        "_timestamp_ms": 1000 + 50 * index,
        "cam/image_array": f"{index}_cam_image_array_.jpg",
        "user/angle": angle,
        "user/throttle": throttle,
    }
    return json.dumps(record | changes)


@pytest.fixture
def tub(tmp_path):
    def write(lines, deleted=(), paths=("catalog_0.catalog",)):
        (tmp_path / "images").mkdir(exist_ok=True)
        (tmp_path / "catalog_0.catalog").write_text("\n".join(lines) + "\n")
        manifest = ["[]", "[]", "{}", "{}"]
        manifest.append(json.dumps({"paths": list(paths), "deleted_indexes": list(deleted)}))
        (tmp_path / "manifest.json").write_text("\n".join(manifest))
        return tmp_path

    return write


def test_angles_become_commands_negative_to_the_left(tub):
    angles = (0.0, 0.19, -0.19, 0.2, -0.2, 1.0, -1.0)
    records = list(read_records(tub([_record(i, a) for i, a in enumerate(angles)])))
    F, L, R = Command.FORWARD, Command.LEFT, Command.RIGHT  # noqa: N806
    assert [r.command for r in records] == [F, F, F, R, L, R, L]
    assert [r.time_ns for r in records][:2] == [1_000_000_000, 1_050_000_000]


def test_what_is_left_out_is_counted(tub):
    lines = [
        _record(0),
        _record(1),
        "{broken",
        _record(2, **{"user/angle": None}),
        _record(3, **{"user/angle": float("nan")}),
        _record(4, **{"cam/image_array": "../../etc/passwd"}),
        "[]",
        "[" * 100_000,
        _record(5, _index=float("inf")),
        _record(6, _timestamp_ms=float("inf")),
        _record(7, _timestamp_ms=10**300),
        _record(8, **{"user/angle": 10**400}),
    ]
    dropped = Counter()
    folder = tub(lines, deleted=[1], paths=("catalog_0.catalog", "catalog_1.catalog"))
    assert [r.index for r in read_records(folder, dropped)] == [0]
    assert dropped == {
        "broken JSON line": 3,
        "record without index, time, picture, angle or throttle": 7,
        "deleted by its author": 1,
        "catalog missing": 1,
    }


def test_missing_and_empty_pictures_are_none(tub):
    (record,) = read_records(tub([_record(0)]))
    assert read_picture(record) is None
    record.picture.write_bytes(b"")
    assert read_picture(record) is None
    record.picture.write_bytes(b"not a picture")
    assert read_picture(record) is None
    for name in ("a\0.jpg", "\ud800.jpg", "a" * 300):
        (record,) = read_records(tub([_record(0, **{"cam/image_array": name})]))
        assert read_picture(record) is None


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "\n" * 4 + "[" * 100_000,
        "\n" * 4 + '{"paths": [], "deleted_indexes": [1e999]}',
        "\n" * 4 + '{"paths": [], "deleted_indexes": [' + "9" * 5000 + "]}",
    ],
)
def test_a_broken_manifest_is_one_line_naming_the_file(tub, text):
    folder = tub([_record(0)])
    (folder / "manifest.json").write_text(text)
    with pytest.raises(DataError, match=r"manifest.json: not the manifest of a Donkeycar v2 tub"):
        list(read_records(folder))


def test_the_real_tubs_hold_what_their_readme_says(tubs):
    counts = {}
    for name in ("mat_t1", "mat_t2", "mat_day1"):
        assert is_tub(tubs / name)
        dropped = Counter()
        records = list(read_records(tubs / name, dropped))
        counts[name] = (len(records), dropped["deleted by its author"])
        picture = read_picture(records[0])
        assert picture is not None
        assert picture.shape == (120, 160, 3)
        assert picture.dtype == np.uint8
    assert counts == {"mat_t1": (7000, 0), "mat_t2": (3923, 2077), "mat_day1": (5000, 0)}
