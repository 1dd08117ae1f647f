"""How a room looks: colours, light, reflections, the sensor. Sampled from a seed.

The ranges were read off the 40 labelled frames that the reference data set's authors published
(github.com/paulaksm/transfer-learning): floors from olive to grey-brown with medians of
(80..150, 72..139, 42..124), paper from cream over bluish to burnt-out white, a grid of lamps
mirrored in a varnished floor, and a room that grows dark towards the horizon.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

Colour = tuple[float, float, float]
"""Red, green, blue, each 0 to 255."""


@dataclass(frozen=True, slots=True)
class FloorLook:
    """The floor and what lies on it.

    Attributes:
        colour: Mean colour.
        blotch: Standard deviation of its large and small blotches, in grey levels.
        specks: Small light and dark marks per square metre.
        scratches: Long thin lines per square metre.
        tile_m: Side of its tiles, 0 for none.
        gloss: How much of the lamps it mirrors, 0 to 1.
        paper: Colour of the paper.
        mottle: How uneven the varnish is over a few centimetres, 0 to 1: lamps mirrored in it
            fall to pieces.
        seam: Brightness of a sheet's edge against the sheet, 0 to 1: the shadow of its thickness.
        holes: Share of the sheets with a row of holes along each side, as endless paper has them.
        tape: Pieces of clear tape, which glints, per metre of a sheet's edges.
        distractors: Stretches of another lane's strip that lie beside the track.
    """

    colour: Colour
    blotch: float
    specks: float
    scratches: float
    tile_m: float
    gloss: float
    paper: Colour
    mottle: float = 0.0
    seam: float = 0.93
    holes: float = 0.0
    tape: float = 0.0
    distractors: int = 0


@dataclass(frozen=True, slots=True)
class LightLook:
    """Lamps, shadows and the room behind.

    Attributes:
        lamp_height_m: How high the lamps hang.
        lamp_spacing_m: How far they are apart.
        lamp_size_m: How large their mirrored, blurred pictures are.
        lamp_bars: Long tubes or windows instead of a grid of spots.
        unevenness: Standard deviation of the light over the floor, as a share of it.
        shadows: How many soft shadows lie on the floor.
        far_shade: Brightness of the floor at the horizon against that in front of the car.
        wall: Colour of the room behind.
        clutter: How much stands in front of the wall, 0 to 1.
        windows: Bright upright panes in the wall; a floor that mirrors draws them out into streaks.
        boards: Printed boards that stand before the wall.
        people: How many stand about.
        lamp_fade: How soon lamps further off are lost, 0 for not at all: lamps sunk in a ceiling
            shine downwards, those at an angle a to the upright by cos(a) to this power.
        fresnel: How much the wall's colour takes the floor's place towards the horizon, 0 to 1:
            every floor mirrors where one looks along it.
    """

    lamp_height_m: float
    lamp_spacing_m: float
    lamp_size_m: float
    lamp_bars: bool
    unevenness: float
    shadows: int
    far_shade: float
    wall: Colour
    clutter: float
    windows: int = 0
    boards: int = 0
    people: int = 0
    lamp_fade: float = 0.0
    fresnel: float = 0.0


@dataclass(frozen=True, slots=True)
class SensorLook:
    """What the camera makes of the light.

    Attributes:
        exposure: Brightness against the floor's and paper's own colours.
        auto_level: Mean grey level that automatic exposure aims at; 0 for none.
        white_balance: Gains of red, green and blue.
        contrast: Of the tone curve; 1 is linear.
        noise: Standard deviation of the noise, in grey levels.
        vignette: Light lost in the corners, 0 to 1.
        blur_px: Standard deviation of the lens' softness, in pixels of the picture.
        shutter_ms: How long a picture is exposed: motion blur.
        sharpening: Strength of the camera's own sharpening.
        readout_ms: From the exposure of the first row to that of the last: rolling shutter.
        jpeg_quality: 1 to 100 where the camera hands over JPEGs; 0 where it does not.
        aliasing: Share of the picture that was scaled down by leaving pixels out, 0 to 1: edges
            are stairs.
        auto_white: How much of a colour tint automatic white balance takes out, 0 to 1.
        haze: Light scattered in the lens, as a share of white, 0 to 1: nothing is black.
    """

    exposure: float
    auto_level: float
    white_balance: Colour
    contrast: float
    noise: float
    vignette: float
    blur_px: float
    shutter_ms: float
    sharpening: float
    readout_ms: float = 0.0
    jpeg_quality: int = 0
    aliasing: float = 0.0
    auto_white: float = 0.0
    haze: float = 0.0


@dataclass(frozen=True, slots=True)
class Look:
    """Everything about a scene that is not geometry."""

    floor: FloorLook
    light: LightLook
    sensor: SensorLook


PLAIN_LOOK = Look(
    FloorLook((118.0, 98.0, 72.0), 4.0, 10.0, 1.0, 0.0, 0.35, (205.0, 214.0, 222.0)),
    LightLook(2.6, 0.9, 0.25, False, 0.05, 0, 0.75, (70.0, 72.0, 78.0), 0.5),
    SensorLook(1.0, 0.0, (1.0, 1.0, 1.0), 1.0, 2.0, 0.1, 0.3, 8.0, 0.2),
)
"""A middling room, for tests and for comparisons in which looks should not vary."""


def _triple(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Colour:
    red, green, blue = (float(value) for value in values)
    return red, green, blue


def _floor(rng: np.random.Generator) -> FloorLook:
    if rng.random() < 0.75:  # brown to grey-brown, as the reference's own floor
        warmth = rng.uniform(0.15, 1.0)
        grey = rng.uniform(75.0, 125.0)
        tint = np.array([1.14, 1.0, 0.55]) * warmth + np.array([1.06, 1.0, 0.95]) * (1 - warmth)
        colour = _triple(grey * tint + rng.normal(0.0, 3.0, 3))
    else:
        colour = _triple(rng.uniform(45.0, 135.0) * rng.uniform(0.88, 1.12, 3))
    brightness = rng.uniform(195.0, 250.0)
    cool = rng.uniform(-0.06, 0.16)
    paper = np.array([1.0 - cool, 1.0, 1.0 + 0.8 * cool]) * brightness
    return FloorLook(
        colour,
        blotch=float(rng.uniform(1.5, 9.0)),
        specks=float(rng.uniform(0.0, 60.0)),
        scratches=float(rng.uniform(0.0, 8.0)),
        tile_m=float(rng.uniform(0.25, 0.6)) if rng.random() < 0.15 else 0.0,
        gloss=float(rng.uniform(0.0, 1.0) ** 2.0),
        paper=_triple(np.clip(paper, 0.0, 255.0)),
    )


def _light(rng: np.random.Generator) -> LightLook:
    return LightLook(
        lamp_height_m=float(rng.uniform(1.5, 4.0)),
        lamp_spacing_m=float(rng.uniform(0.9, 3.5)),
        lamp_size_m=float(rng.uniform(0.3, 0.9)),
        lamp_bars=bool(rng.random() < 0.25),
        unevenness=float(rng.uniform(0.0, 0.14)),
        shadows=int(rng.integers(0, 4)),
        far_shade=float(rng.uniform(0.7, 1.0)),
        wall=_triple(rng.uniform(20.0, 130.0) * rng.uniform(0.85, 1.2, 3)),
        clutter=float(rng.uniform(0.0, 1.0)),
    )


def _sensor(rng: np.random.Generator) -> SensorLook:
    tilt = rng.normal(0.0, 0.05)
    return SensorLook(
        exposure=math.exp(rng.normal(0.0, 0.16)),
        auto_level=float(rng.uniform(85.0, 150.0)) if rng.random() < 0.7 else 0.0,
        white_balance=_triple(np.array([1 - tilt, 1.0, 1 + tilt]) + rng.normal(0.0, 0.02, 3)),
        contrast=float(rng.uniform(0.85, 1.25)),
        noise=float(rng.uniform(0.3, 3.5)),
        vignette=float(rng.uniform(0.0, 0.35)),
        blur_px=float(rng.uniform(0.0, 0.7)),
        shutter_ms=float(rng.uniform(3.0, 30.0)),
        sharpening=float(rng.uniform(0.0, 0.5)),
        readout_ms=float(rng.uniform(5.0, 30.0)),
        jpeg_quality=int(rng.integers(40, 96)) if rng.random() < 0.3 else 0,
    )


def sample_look(seed: int) -> Look:
    """The room of a seed: the same seed gives the same room on every machine."""
    rng = np.random.default_rng([seed, 2])
    return Look(_floor(rng), _light(rng), _sensor(rng))


def sample_pale_look(seed: int) -> Look:
    """The room of a seed, with a floor nearly as light as the paper and often as grey.

    Paper is 1.4 to 1.8 times as bright as the floor, against 2.4 in half of the rooms of
    `sample_look` and less than 1.8 in one of twenty: people still tell the two apart at a glance.
    """
    rng = np.random.default_rng([seed, 22])
    look = sample_look(seed)
    colour = np.array(look.floor.colour)
    grey = colour.mean()
    colour = grey + rng.uniform(0.0, 1.0) * (colour - grey)
    colour *= float(np.mean(look.floor.paper)) / rng.uniform(1.4, 1.8) / grey
    return replace(look, floor=replace(look.floor, colour=_triple(colour)))
