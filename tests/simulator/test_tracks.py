import math

import numpy as np
import pytest

from simulator.errors import SimulatorUsageError
from simulator.track.tracks import TRACK_NAMES, make_track


def crossings(points):
    """How often a closed polygon crosses itself."""
    start, end = points, np.roll(points, -1, axis=0)

    def side(a, b, c):
        return np.sign(
            (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1])
            - (b[..., 1] - a[..., 1]) * (c[..., 0] - a[..., 0])
        )

    p, q, r, s = start[:, None], end[:, None], start[None], end[None]
    crossing = (side(p, q, r) * side(p, q, s) < 0) & (side(r, s, p) * side(r, s, q) < 0)
    return int(crossing.sum()) // 2


@pytest.mark.parametrize("seed", range(12))
def test_random_tracks_are_closed_loops_that_a_car_can_follow(seed):
    track = make_track("random", seed)
    line = track.centre
    assert crossings(line.points_m[::8]) == 0
    assert abs(line.curvature_1pm.sum() * line.spacing_m) == pytest.approx(math.tau, abs=0.01)
    assert 1 / np.abs(line.curvature_1pm).max() > (0.25 if track.corners_m is None else 0.05)
    assert track.half_widths_m.min() > 0.09
    assert track.half_widths_m.max() < 0.35


def test_the_same_seed_gives_the_same_track_and_another_another():
    first, again, other = (make_track("random", seed) for seed in (5, 5, 6))
    assert np.array_equal(first.centre.points_m, again.centre.points_m)
    assert np.array_equal(first.half_widths_m, again.half_widths_m)
    assert first.length_m != other.length_m


def test_random_tracks_go_both_ways_round():
    turns = [np.sign(make_track("random", seed).centre.curvature_1pm.sum()) for seed in range(20)]
    assert {-1.0, 1.0} == set(turns)


def test_the_oval_is_two_straights_and_two_bends():
    track = make_track("oval")
    assert track.length_m == pytest.approx(2 * 1.6 + math.tau * 0.8, rel=0.01)
    assert 1 / track.centre.curvature_1pm.max() == pytest.approx(0.8, rel=0.02)


def test_a_pose_on_the_track_is_found_again():
    track = make_track("s")
    for along_m in (0.2, 3.0, 7.7):
        for offset_m in (-0.1, 0.0, 0.15):
            station = track.locate(track.pose_at(along_m, offset_m))
            assert station.along_m == pytest.approx(along_m, abs=0.02)
            assert station.offset_m == pytest.approx(offset_m, abs=0.005)


@pytest.mark.parametrize("name", TRACK_NAMES)
def test_every_named_track_can_be_made(name):
    assert make_track(name, 3).length_m > 5


def test_what_is_not_there_is_said():
    with pytest.raises(SimulatorUsageError, match="oval"):
        make_track("nowhere")
    with pytest.raises(SimulatorUsageError, match="seed"):
        make_track("oval", -1)


def test_a_tenth_of_the_random_tracks_has_sharp_corners_and_a_tenth_gaps():
    tracks = [make_track("random", seed) for seed in range(200)]
    assert 8 <= sum(track.corners_m is not None for track in tracks) <= 36
    assert 8 <= sum(bool(track.gaps) for track in tracks) <= 36


def test_the_eight_crosses_itself_once():
    assert crossings(make_track("eight").centre.points_m[::8]) == 1


def test_the_reference_track_is_as_long_and_as_uneven_as_on_its_photograph():
    track = make_track("reference")
    assert track.length_m == pytest.approx(6.5, abs=0.15)
    assert track.half_widths_m.max() > 2 * track.half_widths_m.min()
    assert 0.09 < track.half_widths_m.min() < 0.12
