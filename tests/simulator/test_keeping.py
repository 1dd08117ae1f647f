import math

import pytest

from firmware_bridge.wire.commands import Command
from simulator.evaluation.lane_keeping import LaneKeeper
from simulator.track.geometry import Pose
from simulator.track.tracks import make_track
from simulator.world.world import Snapshot

TRACK = make_track("oval")


def at(seconds, along_m, offset_m=0.0, motion=Command.FORWARD):
    return Snapshot(
        round(seconds * 1e9),
        Pose(0.0, 0.0, 0.0),
        0.0,
        along_m % TRACK.length_m,
        offset_m,
        0.2,
        motion,
    )


def watch(snapshots):
    keeper = LaneKeeper(TRACK)
    for snapshot in snapshots:
        keeper(snapshot)
    return keeper


def test_two_laps_at_a_steady_speed():
    speed = 0.25
    keeper = watch(at(0.02 * i, 0.02 * i * speed) for i in range(3600))
    keeping = keeper.summary()
    assert keeping.laps == 2
    assert keeping.lap_times_s == pytest.approx([TRACK.length_m / speed] * 2, abs=0.05)
    assert keeping.distance_m == pytest.approx(3599 * 0.005)
    assert keeper.laps == pytest.approx(3599 * 0.005 / TRACK.length_m)
    assert keeping.kept


def test_time_counts_from_the_first_motion():
    waiting = [at(0.02 * i, 0.0, motion=Command.STOP) for i in range(100)]
    keeping = watch([*waiting, at(2.0, 0.0), at(3.0, 0.25)]).summary()
    assert keeping.seconds == pytest.approx(1.0)
    assert keeping.changes_per_s == 0


def test_leaving_the_lane_twice_is_two_departures():
    offsets = [0.0, 0.21, 0.25, 0.1, -0.21, 0.0]
    keeping = watch(at(i, 0.3 * i, offset) for i, offset in enumerate(offsets)).summary()
    assert keeping.departures == 2
    assert keeping.departed_s == 1.0
    assert keeping.departed_m == pytest.approx(0.3)
    assert keeping.offset_max_m == 0.25
    assert not keeping.kept


def test_a_car_that_dithers_has_failed():
    turns = [Command.LEFT, Command.RIGHT]
    keeping = watch(at(i, 0.01 * math.sin(i), motion=turns[i % 2]) for i in range(60)).summary()
    assert keeping.departures == 0
    assert keeping.changes_per_s == pytest.approx(1.0)
    assert not keeping.kept


def test_going_back_over_the_start_is_not_a_lap():
    keeping = watch(at(i, -0.3 * i) for i in range(40)).summary()
    assert keeping.laps == 0
    assert keeping.distance_m < 0


def test_a_car_that_never_moved_has_kept_nothing():
    keeping = watch(at(i, 0.0, motion=Command.STOP) for i in range(5)).summary()
    assert keeping.seconds == 0
    assert not keeping.kept
