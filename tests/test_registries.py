"""Everything that is found by name: what a registry names is there, and is of its kind."""

import ast
import importlib
import inspect
from pathlib import Path

import numpy as np
import pytest

from controller.cameras.registry import CAMERAS
from export.convert.formats import FORMATS
from firmware_bridge.emulation.base import Microcontroller
from firmware_bridge.emulation.registry import MICROCONTROLLERS
from firmware_bridge.links.registry import LINKS
from simulator.evaluation.factors import FACTORS
from simulator.track.tracks import TRACK_NAMES, make_track
from simulator.world.world import WorldConfig
from training.data.registry import KINDS
from training.methods.strategies import STRATEGIES

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("target", [*CAMERAS.values(), *LINKS.values(), *MICROCONTROLLERS.values()])
def test_the_module_that_a_registry_names_defines_what_it_names(target):
    module, _, attribute = target.partition(":")
    file = (ROOT / module.replace(".", "/")).with_suffix(".py")
    tree = ast.parse(file.read_text())  # read, not loaded: a Pi's camera loads on a Pi only
    names = [node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    assert attribute in names


@pytest.mark.parametrize("name", MICROCONTROLLERS)
def test_a_microcontroller_is_one(name):
    module, _, attribute = MICROCONTROLLERS[name].partition(":")
    assert issubclass(getattr(importlib.import_module(module), attribute), Microcontroller)


@pytest.mark.parametrize("kind", KINDS)
def test_a_reader_recognises_and_lists_and_takes_nothing_for_its_own(kind, tmp_path):
    reader = importlib.import_module(KINDS[kind])
    assert next(iter(inspect.signature(reader.list_records).parameters)) == "path"
    (tmp_path / "notes.txt").write_text("nothing of a drive")
    assert not reader.recognise(tmp_path)
    assert not reader.recognise(tmp_path / "notes.txt")


@pytest.mark.parametrize("name", TRACK_NAMES)
def test_a_track_is_closed_long_enough_and_the_same_every_time(name):
    line, again = make_track(name, 3).centre, make_track(name, 3).centre
    steps_m = np.hypot(*(np.roll(line.points_m, -1, axis=0) - line.points_m).T)
    assert line.length_m > 3
    assert steps_m.max() < 0.05  # the last one, back to the first point, too
    assert (line.points_m == again.points_m).all()


@pytest.mark.parametrize("name", FACTORS)
def test_every_value_of_a_factor_gives_another_valid_world(name):
    factor, world = FACTORS[name], WorldConfig(seed=1_000_003)
    worlds = [factor.apply(world, value) for value in factor.values]
    assert len({repr(changed) for changed in worlds}) == len(factor.values)
    assert factor.usual in factor.values
    assert factor.unit


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_goes_by_its_own_name_and_rounds_only_what_is_8_bits_wide(name):
    form = FORMATS[name]
    assert form.name == name
    assert form.eight_bit_weights or not form.calibrated
    assert form.calibrated or not form.converter_takes_bytes


def test_the_four_cases_have_a_strategy_each():
    cases = {(strategy.much, strategy.alike) for strategy in STRATEGIES.values()}
    assert len(cases) == len(STRATEGIES) == 4
    assert all(strategy.name == name for name, strategy in STRATEGIES.items())
