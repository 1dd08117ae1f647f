"""Rooms and cameras as the reference frames show them, and nothing else.

`simulator.room.appearance` samples rooms of any kind: what is trained on them drives anywhere.
This is the one room of the 40 labelled frames that the reference data set's authors published
(github.com/paulaksm/transfer-learning), under its changing light: medians of floor, paper and far
end of each frame, the lamps' distances and the share of frames without a horizon were measured.
With the exposure divided out floors are (104, 86 to 97, 50 to 88) and paper (175, 197, 222).
"""

from __future__ import annotations

import math

import numpy as np

from simulator.camera.optics import CameraRig
from simulator.room.appearance import Colour, FloorLook, LightLook, Look, SensorLook


def _near(rng: np.random.Generator, colour: tuple[float, ...], spread: float) -> Colour:
    red, green, blue = np.clip(np.array(colour) + rng.normal(0.0, spread, 3), 0, 255).tolist()
    return red, green, blue


def _floor(rng: np.random.Generator) -> FloorLook:
    endless = rng.random() < 0.4
    return FloorLook(
        _near(rng, (104.0, rng.uniform(86.0, 97.0), rng.uniform(50.0, 88.0)), 2.0),
        blotch=float(rng.uniform(1.5, 5.0)),
        specks=float(rng.uniform(5.0, 40.0)),
        scratches=float(rng.uniform(0.5, 4.0)),
        tile_m=0.0,
        gloss=float(rng.uniform(0.3, 1.0)),
        paper=_near(rng, (175.0, 197.0, 222.0), 5.0),
        mottle=float(rng.uniform(0.2, 0.8)),
        seam=float(rng.uniform(0.8, 0.96)),
        holes=float(rng.uniform(0.5, 1.0)) if endless else 0.0,
        tape=float(rng.uniform(0.0, 1.0)),
        distractors=int(rng.integers(0, 4)),
    )


def _light(rng: np.random.Generator) -> LightLook:
    wall = rng.uniform(35.0, 95.0)
    return LightLook(
        lamp_height_m=float(rng.uniform(2.4, 3.2)),
        lamp_spacing_m=float(rng.uniform(0.8, 1.4)),
        lamp_size_m=float(rng.uniform(0.3, 0.55)),
        lamp_bars=bool(rng.random() < 0.2),
        unevenness=float(rng.uniform(0.02, 0.08)),
        shadows=int(rng.integers(0, 2)),
        far_shade=float(rng.uniform(0.5, 0.9)),
        wall=_near(rng, (1.02 * wall, 0.97 * wall, 1.1 * wall), 2.0),
        clutter=float(rng.uniform(0.3, 1.0)),
        windows=int(rng.integers(0, 10)),
        people=int(rng.integers(0, 6)),
        lamp_fade=float(rng.uniform(0.8, 2.0)),
        fresnel=float(rng.uniform(0.4, 0.95)),
    )


def sample_reference_look(seed: int) -> Look:
    """The reference's room under the light of a seed."""
    rng = np.random.default_rng([seed, 18])
    burnt = rng.random() < 0.2
    sensor = SensorLook(
        exposure=float(rng.uniform(1.3, 1.45) if burnt else rng.uniform(0.85, 1.15)),
        auto_level=0.0,
        white_balance=_near(rng, (1.0, 1.0, 1.0), 0.015),
        contrast=1.0,
        noise=float(rng.uniform(0.5, 2.0)),
        vignette=float(rng.uniform(0.0, 0.2)),
        blur_px=float(rng.uniform(0.0, 0.35)),
        shutter_ms=float(rng.uniform(3.0, 12.0)),
        sharpening=float(rng.uniform(0.0, 0.35)),
        readout_ms=float(rng.uniform(5.0, 20.0)),
        aliasing=float(rng.uniform(0.2, 0.8)),
    )
    return Look(_floor(rng), _light(rng), sensor)


def sample_reference_rig(seed: int) -> CameraRig:
    """The reference's camera: in half of its frames the horizon lies above the picture."""
    rng = np.random.default_rng([seed, 19])
    field_of_view = math.radians(rng.uniform(51.0, 58.0))
    half_height = math.atan(math.tan(field_of_view / 2) * 9 / 16)
    return CameraRig(
        height_m=float(rng.uniform(0.12, 0.16)),
        pitch_rad=half_height + math.radians(rng.uniform(-1.0, 6.0)),
        roll_rad=math.radians(rng.normal(0.0, 0.8)),
        yaw_rad=math.radians(rng.normal(0.0, 1.5)),
        field_of_view_rad=field_of_view,
        distortion=float(rng.uniform(0.0, 0.08)),
        forward_m=float(rng.uniform(0.03, 0.08)),
    )
