import math

import numpy as np
import pytest

from firmware_bridge.wire.commands import Command
from simulator.errors import SimulatorUsageError
from simulator.teacher.teacher import FREE, Teacher, TeacherConfig
from simulator.track.geometry import ClosedLine
from simulator.track.tracks import Track, make_track


def place(track, x_m, y_m):
    """Where on the lap the middle of the lane comes nearest to a point."""
    distance = np.hypot(*(track.centre.points_m - (x_m, y_m)).T)
    return float(track.centre.along_m[int(np.argmin(distance))])


def ring(radius_m, half_m):
    """A lane in a circle, driven to the left."""
    angles = np.linspace(0.0, math.tau, 400, endpoint=False)
    line = ClosedLine(radius_m * np.column_stack([np.cos(angles), np.sin(angles)]))
    return Track("ring", 0, line, np.full(len(line), half_m))


def test_the_teacher_turns_away_from_the_strip_in_the_way():
    track = make_track("oval")
    teacher = Teacher(track)
    straight = place(track, 0.0, -0.8) - 0.2
    cases = [
        (0.0, 0.0, Command.FORWARD, Command.FORWARD),
        (0.0, 15.0, Command.FORWARD, Command.FORWARD),
        (0.0, 20.0, Command.RIGHT, Command.FORWARD),
        (0.0, 35.0, Command.RIGHT, Command.RIGHT),
        (0.0, -20.0, Command.LEFT, Command.FORWARD),
        (0.0, -35.0, Command.LEFT, Command.LEFT),
        (0.15, 0.0, Command.RIGHT, Command.RIGHT),
        (-0.15, 0.0, Command.LEFT, Command.LEFT),
        (0.10, 0.0, Command.FORWARD, Command.FORWARD),
    ]
    for offset_m, degrees, early, late in cases:
        pose = track.pose_at(straight, offset_m, math.radians(degrees))
        assert teacher.command(pose, straight, late=False) is early, (offset_m, degrees)
        assert teacher.command(pose, straight) is late, (offset_m, degrees)


def test_labels_are_those_of_early_and_of_late_drivers():
    track = make_track("oval")
    straight = place(track, 0.0, -0.8) - 0.2
    pose = track.pose_at(straight, 0.0, math.radians(20))
    rng = np.random.default_rng(1)
    labels = [Teacher(track).label(pose, straight, rng) for _ in range(400)]
    assert set(labels) == {Command.FORWARD, Command.RIGHT}
    assert labels.count(Command.FORWARD) / 400 == pytest.approx(0.35, abs=0.07)


def test_the_way_ends_where_it_leaves_the_lane():
    track = make_track("oval")
    straight = place(track, 0.0, -0.8) - 0.2
    line_only = Teacher(track, TeacherConfig(margin_m=0.0))
    # The lane's half is 0.2 m: at 30 degrees its edge is 0.2 / sin 30 = 0.4 m away.
    for sign in (1, -1):
        way = line_only.way(track.pose_at(straight, 0.0, sign * math.radians(30)), straight)
        assert way.clear_m == pytest.approx(0.41, abs=0.02)
        assert way.open_side == -sign
    assert line_only.way(track.pose_at(straight), straight) == FREE
    # With a margin it ends where the edge does: 0.5 d + 0.866 * 0.08 * (0.5 - d) / 0.3 = 0.2.
    wide = Teacher(track).way(track.pose_at(straight, 0.0, math.radians(30)), straight)
    assert wide.clear_m == pytest.approx(0.325, abs=0.02)


def test_on_a_ring_the_way_is_a_chord():
    track = ring(1.0, 0.15)
    way = Teacher(track).way(track.pose_at(1.0), 1.0)
    # Half of the chord of the outer edge that touches the middle of the lane.
    assert way.clear_m == pytest.approx(math.sqrt(1.15**2 - 1.0**2), abs=0.03)
    assert way.open_side == 1


def test_a_turn_that_finds_the_other_strip_nearer_is_left_for_later():
    track = ring(0.5, 0.11)
    teacher = Teacher(track)
    pose = track.pose_at(1.0, 0.08, math.radians(-2))
    way = teacher.way(pose, 1.0)
    assert teacher.config.least_m < way.clear_m < teacher.config.clear_m
    assert way.open_side == 1
    assert teacher.way(track.pose_at(1.0, 0.08, math.radians(18)), 1.0).clear_m < way.clear_m
    assert teacher.command(pose, 1.0, late=False) is Command.FORWARD
    # On the outer side of the same lane there is room to turn.
    outside = track.pose_at(1.0, -0.06, math.radians(-2))
    assert teacher.command(outside, 1.0, late=False) is Command.LEFT


def test_missing_sheets_and_a_crossing_lane_are_no_strips():
    gap, eight = make_track("gap"), make_track("eight")
    missing = place(gap, -0.2, -0.8)
    assert Teacher(gap).command(gap.pose_at(missing), missing) is Command.FORWARD
    crossing = place(eight, 0.0, 0.0) - 0.4
    assert Teacher(eight).way(eight.pose_at(crossing), crossing) == FREE


def test_impossible_rules_are_refused():
    with pytest.raises(SimulatorUsageError, match="must be"):
        TeacherConfig(clear_m=0.2)
    with pytest.raises(SimulatorUsageError, match="must be"):
        TeacherConfig(least_m=0.1)
