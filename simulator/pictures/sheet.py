"""Contact sheets: many frames at a glance, to see whether they look like the real thing."""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np

from controller.arrays import read_npy
from controller.frames import REFERENCE_SHAPE, Pixels, fit
from controller.recording.tubs import is_tub, read_picture, read_records
from simulator.errors import SimulatorUsageError
from simulator.pictures.picture import write_text
from simulator.teacher.rollouts import Rollout, RolloutConfig
from simulator.teacher.teacher import Teacher
from simulator.track.tracks import RANDOM, make_track
from simulator.world.reference import sample_reference_look, sample_reference_rig
from simulator.world.scene import Scene, SceneConfig
from simulator.world.world import WorldConfig

_ROWS, _COLUMNS, _ZOOM = 5, 4, 3


def read_reference(path: Path) -> Pixels:
    """Real frames: of a file in the reference data set's form, or some of a Donkeycar tub's.

    Args:
        path: An ``.npy`` of ``(N, 10800) uint8`` rows, each a 45x80x3 frame as OpenCV read it, or
            the folder of a tub.

    Returns:
        ``(N, 45, 80, 3) uint8`` RGB.

    Raises:
        SimulatorUsageError: If it is no such file or folder.
        DataError: If it cannot be read.
    """
    if path.is_dir():
        return _read_tub(path)
    rows = read_npy(path)
    height, width = REFERENCE_SHAPE
    if rows.ndim != 2 or rows.shape[1] != height * width * 3 or rows.dtype != np.uint8:
        raise SimulatorUsageError(
            f"{path}: holds {rows.shape} {rows.dtype}, expected (N, {height * width * 3}) uint8"
        )
    return np.ascontiguousarray(rows.reshape(-1, height, width, 3)[..., ::-1])


def _read_tub(folder: Path) -> Pixels:
    """Frames spread over a whole tub, more than a sheet has places for."""
    if not is_tub(folder):
        raise SimulatorUsageError(f"{folder}: is no tub, it has no manifest and catalogs")
    records = list(read_records(folder))
    step = max(1, len(records) // (2 * _ROWS * _COLUMNS))
    pictures = [read_picture(record) for record in records[step // 2 :: step]]
    frames = [fit(picture, *REFERENCE_SHAPE) for picture in pictures if picture is not None]
    if not frames:
        raise SimulatorUsageError(f"{folder}: holds no picture that can be read")
    return np.stack(frames)


def _tile(frames: Pixels, title: str) -> Pixels:
    count = _ROWS * _COLUMNS
    chosen = frames[np.linspace(0, len(frames) - 1, count).astype(int)]
    rows = [
        np.hstack(
            [
                cv2.resize(frame, None, fx=_ZOOM, fy=_ZOOM, interpolation=cv2.INTER_NEAREST)
                for frame in chosen[row * _COLUMNS : (row + 1) * _COLUMNS]
            ]
        )
        for row in range(_ROWS)
    ]
    sheet = np.vstack(rows)
    bar = np.full((28, sheet.shape[1], 3), 255, np.uint8)
    write_text(bar, title, 8, 19, 0.5)
    return np.vstack([bar, sheet])


def _practise(seed: int, track: str, *, reference: bool) -> Pixels:
    """The fifth frame of each of some practice drives, all of them different."""
    frames = []
    for drive in range(_ROWS * _COLUMNS):
        of = seed * 1000 + drive
        config = SceneConfig(of)
        if reference:
            config = SceneConfig(of, sample_reference_look(of), sample_reference_rig(of))
        scene = Scene(make_track(track, of), config)
        car = WorldConfig(track, of).sampled_car
        practice = Rollout(scene, car, Teacher(scene.track), RolloutConfig(), of)
        frames.append(next(itertools.islice(practice.lessons(), 4, None)).pixels)
    return np.stack(frames)


def contact_sheet(
    seed: int, real: Path | None = None, track: str = RANDOM, *, reference: bool = False
) -> Pixels:
    """Twenty simulated frames, each of another track, room and camera.

    Args:
        seed: Of a data set, 0 to 999.
        real: An ``.npy`` file or a tub with real ones to put beside them.
        track: A name of `simulator.track.tracks.TRACK_NAMES`.
        reference: In the reference frames' own room (see `simulator.world.reference`).

    Returns:
        ``(h, w, 3) uint8`` RGB.
    """
    sheet = _tile(_practise(seed, track, reference=reference), "simulated")
    if real is None:
        return sheet
    gap = np.full((sheet.shape[0], 12, 3), 255, np.uint8)
    return np.hstack([_tile(read_reference(real), "real"), gap, sheet])
