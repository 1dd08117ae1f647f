from __future__ import annotations

import dataclasses
import itertools
import os
import threading

import pytest

from controller import process
from controller.loop import SPARE_NS, Rhythm
from controller.rehearsal import MODEL_SHARE, understudies
from firmware_bridge.commands import Command


class Watched:
    """A link that counts what an understudy sends, and passes nothing on."""

    def __init__(self, link, clock):
        self._link, self._clock = link, clock
        self.times_ns = []
        self.commands = []

    def send(self, command, ttl_ms):
        self.times_ns.append(self._clock.now_ns())
        self.commands.append(command)
        return self._link.send(command, ttl_ms)

    def health(self):
        return self._link.health()


TURNS = 2
"""Turns in a rehearsal."""
RATE_HZ = 30.0


def _watched(drive, watch=Watched):
    """The understudies of a drive, and the link that all of them were given."""
    casts = understudies(drive.camera_pilot, drive.link, RATE_HZ)
    link = watch(casts[0].link, drive.clock)
    return [dataclasses.replace(cast, link=link) for cast in casts], link


@pytest.fixture
def rehearsed(bench, shot):
    """Drives a script with rehearsals; gives the drive and what the understudies did."""

    def run(shots):
        drive = bench(shots)
        casts, watched = _watched(drive)
        return drive.run(understudies=casts), watched

    return run


def _turns():
    return [(0.9, 0.1, 0.0), (0.1, 0.8, 0.1), (0.0, 0.2, 0.8)] * 10


def test_a_rehearsal_changes_nothing_that_is_sent_or_seen(bench, shot, rehearsed):
    plain = bench([shot(turn) for turn in _turns()]).run()
    drive, watched = rehearsed([shot(turn) for turn in _turns()])
    assert len(watched.commands) >= 25 * TURNS
    assert [_facts(cycle) for cycle in drive.cycles] == [_facts(cycle) for cycle in plain.cycles]
    assert drive.mcu.motors == plain.mcu.motors
    ours, theirs = (run.link.health().status.counters for run in (drive, plain))
    assert ours == theirs


def _facts(cycle):
    return cycle.decision, cycle.sequence, cycle.sent_ns, cycle.probabilities


def test_it_comes_shortly_before_the_frame_and_goes_the_way_of_a_driving_car(shot, rehearsed):
    drive, watched = rehearsed([shot(turn) for turn in _turns()])
    times = [cycle.frame.capture_ns + 5_000_000 for cycle in drive.cycles if cycle.frame]
    early = [
        time_ns - rehearsed_ns
        for time_ns, rehearsed_ns in zip(reversed(times), watched.times_ns[::-TURNS], strict=False)
    ]
    # In virtual time a rehearsal takes none, so that after a few only what is to spare is left.
    assert all(SPARE_NS <= ns <= 2 * SPARE_NS for ns in early)
    assert early[0] < 1.01 * SPARE_NS
    assert Command.STOP not in watched.commands[-10:]


def test_what_goes_on_beside_the_loop_leaves_it_its_one_core():
    cores = os.sched_getaffinity(0)
    if len(cores) < 2:
        pytest.skip("this machine has one core")

    def affinity_after(kept, policy):
        def run():
            try:
                os.sched_setscheduler(0, policy, os.sched_param(int(policy == os.SCHED_FIFO)))
            except PermissionError:
                found.append(None)
                return
            os.sched_setaffinity(0, kept)  # of this thread alone
            process.leave_the_one_core()
            found.append(os.sched_getaffinity(0))

        found = []
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        return found[0]

    one = {min(cores)}
    assert affinity_after(one, os.SCHED_OTHER) == one
    assert affinity_after(cores, os.SCHED_OTHER) == cores
    left = affinity_after(one, os.SCHED_FIFO)
    if left is None:
        pytest.skip("real-time priority needs root")
    assert left >= cores - one
    assert not left & one


def test_a_rhythm_follows_the_camera_and_forgets_pauses():
    rhythm = Rhythm()
    rhythm.beat(1_000)
    rhythm.beat(1_100)
    assert rhythm.next_ns == 1_200
    rhythm.beat(1_208)  # a quarter of what it was late
    assert rhythm.next_ns == 1_302
    rhythm.beat(5_000)
    rhythm.beat(5_050)
    assert rhythm.next_ns == 5_100


def test_a_rhythm_finds_a_period_that_it_was_told_wrongly():
    rhythm = Rhythm()
    times = [0, 33_000, *(33_000 + 33_400 * number for number in range(1, 200))]
    for time_ns in times:
        rhythm.beat(time_ns)
    assert abs(rhythm.next_ns - (times[-1] + 33_400)) < 40


def test_a_rehearsal_that_takes_long_is_left_out(shot, bench):
    drive = bench([shot() for _ in range(30)])

    class Slow(Watched):
        def send(self, command, ttl_ms):
            self._clock.advance_to(self._clock.now_ns() + 10_000_000)
            return super().send(command, ttl_ms)

    casts, watched = _watched(drive, Slow)
    drive.run(understudies=casts)
    assert len(watched.commands) < 5
    assert drive.commands[-1] is Command.FORWARD


@pytest.mark.parametrize(("share", "runs"), [(0.9, 1), (1.1, 0)])
def test_a_model_is_rehearsed_once_a_frame_and_only_if_it_is_quick(shot, bench, share, runs):
    drive = bench([shot()])
    took_ns = int(share * MODEL_SHARE * 1e9 / RATE_HZ)
    casts = understudies(
        drive.camera_pilot, drive.link, RATE_HZ, stopwatch=itertools.count(0, took_ns).__next__
    )
    drive.camera.read(100.0)
    drive.camera_pilot.invoked = 0
    for cast in casts:
        cast.pilot.infer()
    assert drive.camera_pilot.invoked == runs
