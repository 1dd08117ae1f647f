"""Training data out of the simulator: frame sets whose every drive is another track and room."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from controller.frames import REFERENCE_SHAPE
from controller.model.pilot import TflitePilot
from controller.recording.frameset import FrameSet
from simulator.camera.optics import CameraRig
from simulator.car.car import CarConfig
from simulator.errors import SimulatorUsageError
from simulator.jobs import map_in_order
from simulator.room.appearance import PLAIN_LOOK, sample_pale_look
from simulator.teacher.rollouts import Lesson, Rollout, RolloutConfig
from simulator.teacher.teacher import Teacher, TeacherConfig
from simulator.track.tracks import GAP_SHARE, PAPER, RANDOM, make_track
from simulator.world.reference import sample_reference_look, sample_reference_rig
from simulator.world.scene import Scene, SceneConfig
from simulator.world.world import WorldConfig

EVALUATION_SEED = 1_000_000
"""Seeds from here on belong to evaluation: data sets never use them."""


_STEERING = (0.0, -1.0, 1.0)
"""By label: a car that turns in place knows only full lock."""


@dataclass(frozen=True, slots=True)
class DatasetConfig:
    """What to make.

    Attributes:
        frames: How many, 1 or more.
        seed: 0 to 999: with another one every track, room and drive is another.
        tracks: Names of the tracks to drive on, in turn.
        frames_per_drive: How many each drive (a track in a room) gives.
        teacher: The labels' rule.
        practice: How the car is driven.
        vary_look: Another room and sensor for each drive.
        vary_camera: Another place, tilt and lens for each drive.
        reference_share: Share of the drives, of those on paper, in the reference frames' own room
            and behind their camera (`simulator.world.reference`); 0 to 1.
        gap_share: How often sheets are missing on a random track, 0 to 1.
        pale_share: Share of the other drives on paper on a floor nearly as light as the paper
            (`simulator.room.appearance.sample_pale_look`), 0 to 1.
        shape: Height and width of the frames, in pixels.
    """

    frames: int
    seed: int = 0
    tracks: tuple[str, ...] = (RANDOM,)
    frames_per_drive: int = 200
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    practice: RolloutConfig = field(default_factory=RolloutConfig)
    vary_look: bool = True
    vary_camera: bool = True
    reference_share: float = 0.3
    gap_share: float = GAP_SHARE
    pale_share: float = 0.0
    shape: tuple[int, int] = REFERENCE_SHAPE

    def __post_init__(self) -> None:
        if self.frames < 1 or self.frames_per_drive < 1:
            raise SimulatorUsageError("a data set has at least one frame")
        for share in (self.reference_share, self.gap_share, self.pale_share):
            if not 0 <= share <= 1:
                raise SimulatorUsageError(f"a share is 0 to 1, not {share}")
        if not 0 <= self.seed < 1000:
            raise SimulatorUsageError(f"a data set's seed is 0 to 999, not {self.seed}")
        if self.drives > 1000:
            raise SimulatorUsageError(
                f"{self.frames} frames are more than 1000 drives of {self.frames_per_drive}: "
                "make several sets with different seeds"
            )

    @property
    def drives(self) -> int:
        """How many drives there will be."""
        return math.ceil(self.frames / self.frames_per_drive)


def _practice(config: DatasetConfig, drive: int) -> tuple[str, Rollout]:
    """One drive: ``(name, practice)``; everything about it follows from the two seeds."""
    seed = config.seed * 1000 + drive
    name = config.tracks[drive % len(config.tracks)]
    track = make_track(name, seed, config.gap_share)
    look = None if config.vary_look else PLAIN_LOOK
    rig = None if config.vary_camera else CameraRig()
    chance = np.random.default_rng([seed, 20]).random()
    if track.surface == PAPER and chance < config.reference_share:
        look, rig = look or sample_reference_look(seed), rig or sample_reference_rig(seed)
    elif track.surface == PAPER and np.random.default_rng([seed, 23]).random() < config.pale_share:
        look = look or sample_pale_look(seed)
    scene = Scene(track, SceneConfig(seed, look, rig, config.shape))
    car = WorldConfig(name, seed).sampled_car if config.vary_camera else CarConfig()
    practice = Rollout(scene, car, Teacher(track, config.teacher), config.practice, seed)
    return f"{name}-{seed}", practice


def _drive(config: DatasetConfig, model: Path | None, drive: int) -> tuple[str, list[Lesson]]:
    """One drive's name and its lessons."""
    name, practice = _practice(config, drive)
    pilot = None if model is None else TflitePilot(model)
    weight = 1.0 if pilot is None else pilot.card.forward_weight
    count = min(config.frames_per_drive, config.frames - drive * config.frames_per_drive)
    return name, list(itertools.islice(practice.lessons(pilot, weight), count))


def make_dataset(
    config: DatasetConfig,
    model: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    jobs: int = 1,
) -> FrameSet:
    """Drive, and keep what the camera saw with what the teacher said.

    Args:
        config: What to make; the same configuration and model give the same frames.
        model: A ``.tflite`` file that drives instead of the teacher (DAgger).
        progress: Called with the frames made and the frames wanted.
        jobs: How many processes; the frames do not depend on it.

    Raises:
        SimulatorUsageError: If a track is unknown.
        ModelError: If the model is missing or broken.
    """
    height, width = config.shape
    frames = np.empty((config.frames, height, width, 3), np.uint8)
    labels = np.empty(config.frames, np.uint8)
    drives = np.empty(config.frames, np.uint16)
    times_ns = np.empty(config.frames, np.int64)
    steering = np.empty(config.frames, np.float32)
    names = []
    row = 0
    work = functools.partial(_drive, config, model)
    for drive, (name, lessons) in enumerate(map_in_order(work, config.drives, jobs)):
        names.append(name)
        for lesson in lessons:
            frames[row], labels[row], drives[row] = lesson.pixels, lesson.label, drive
            times_ns[row] = lesson.time_ns
            steering[row] = _STEERING[lesson.label]
            row += 1
        if progress is not None:
            progress(row, config.frames)
    source = "simulator" if model is None else f"simulator, driven by {model.stem}"
    return FrameSet(frames, labels, drives, times_ns, steering, tuple(names), source)


def save_reference(frames: FrameSet, folder: Path) -> dict[str, int]:
    """Write a frame set in the reference data set's form.

    ``{train,valid,test}_{data,labels}.npy``: rows of ``height * width * 3 uint8``, channels in
    the order in which OpenCV reads them, and labels 0 forward, 1 left, 2 right. Whole drives:
    eight tenths to train, one to validate, one to test.

    Args:
        frames: What to write.
        folder: Where to.

    Returns:
        Rows in each of the three parts.

    Raises:
        SimulatorUsageError: If there are fewer than three drives.
    """
    drives = np.unique(frames.drives)
    if len(drives) < 3:
        raise SimulatorUsageError(
            f"{len(drives)} drives cannot be split in three: ask for more frames"
        )
    tenth = max(1, len(drives) // 10)
    parts = {
        "train": drives[: -2 * tenth],
        "valid": drives[-2 * tenth : -tenth],
        "test": drives[-tenth:],
    }
    folder.mkdir(parents=True, exist_ok=True)
    counts = {}
    for name, chosen in parts.items():
        rows = np.isin(frames.drives, chosen)
        pixels = frames.frames[rows][..., ::-1]
        np.save(folder / f"{name}_data.npy", pixels.reshape(len(pixels), -1))
        np.save(folder / f"{name}_labels.npy", frames.labels[rows])
        counts[name] = len(pixels)
    return counts
