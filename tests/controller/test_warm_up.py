from __future__ import annotations

import dataclasses
import os
import threading

import pytest

from controller.cycle import Reason
from controller.drive.loop import LONGEST_WARM_UP_NS, SPARE_NS, ArrivalPredictor
from controller.drive.warm_up import MODEL_SHARE, is_quick, warm_up_pipelines
from controller.system import process
from firmware_bridge.wire.commands import Command


class Watched:
    """A link that counts what a warm-up sends, and passes nothing on."""

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
"""Passes in a warm-up."""


def _watched(drive, watch=Watched):
    """The warm-up pipelines of a drive, and the link that all of them were given."""
    pipelines = warm_up_pipelines(drive.camera_pilot, drive.link, model=True)
    link = watch(pipelines[0].link, drive.clock)
    return [dataclasses.replace(pipeline, link=link) for pipeline in pipelines], link


@pytest.fixture
def warmed_up(bench, shot):
    """Drives a script with warm-ups; gives the drive and what they did."""

    def run(shots):
        drive = bench(shots)
        pipelines, watched = _watched(drive)
        return drive.run(warm_up=pipelines), watched

    return run


def _turns():
    return [(0.9, 0.1, 0.0), (0.1, 0.8, 0.1), (0.0, 0.2, 0.8)] * 10


def test_a_warm_up_changes_nothing_that_is_sent_or_seen(bench, shot, warmed_up):
    plain = bench([shot(turn) for turn in _turns()]).run()
    drive, watched = warmed_up([shot(turn) for turn in _turns()])
    assert len(watched.commands) >= 25 * TURNS
    assert [_facts(cycle) for cycle in drive.cycles] == [_facts(cycle) for cycle in plain.cycles]
    assert drive.mcu.motors == plain.mcu.motors
    ours, theirs = (run.link.health().status.counters for run in (drive, plain))
    assert ours == theirs


def _facts(cycle):
    return cycle.decision, cycle.sequence, cycle.sent_ns, cycle.probabilities


def test_it_comes_shortly_before_the_frame_and_goes_the_way_of_a_driving_car(shot, warmed_up):
    drive, watched = warmed_up([shot(turn) for turn in _turns()])
    times = [cycle.frame.capture_ns + 5_000_000 for cycle in drive.cycles if cycle.frame]
    early = [
        time_ns - warm_up_ns
        for time_ns, warm_up_ns in zip(reversed(times), watched.times_ns[::-TURNS], strict=False)
    ]
    # In virtual time a warm-up takes none, so that after a few only what is to spare is left.
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
    rhythm = ArrivalPredictor()
    rhythm.observe(1_000)
    rhythm.observe(1_100)
    assert rhythm.next_ns == 1_200
    rhythm.observe(1_208)  # a quarter of what it was late
    assert rhythm.next_ns == 1_302
    rhythm.observe(5_000)
    rhythm.observe(5_050)
    assert rhythm.next_ns == 5_100


def test_a_rhythm_finds_a_period_that_it_was_told_wrongly():
    rhythm = ArrivalPredictor()
    times = [0, 33_000, *(33_000 + 33_400 * number for number in range(1, 200))]
    for time_ns in times:
        rhythm.observe(time_ns)
    assert abs(rhythm.next_ns - (times[-1] + 33_400)) < 40


class Slow(Watched):
    """Takes its time when it is told to."""

    takes_ns = 10_000_000

    def send(self, command, ttl_ms):
        self._clock.advance_to(self._clock.now_ns() + self.takes_ns)
        return super().send(command, ttl_ms)


def test_a_warm_up_that_takes_long_is_left_out_and_tried_again(shot, bench):
    drive = bench([shot() for _ in range(90)])
    pipelines, watched = _watched(drive, Slow)
    counts = []

    def recover(cycle):
        counts.append(len(watched.commands))
        if len(counts) == 30:
            watched.takes_ns = 0

    drive.run(recover, warm_up=pipelines)
    assert counts[29] < 5
    assert counts[-1] > counts[29] + 10
    assert drive.commands[-1] is Command.FORWARD


def test_a_warm_up_that_is_held_up_makes_no_stop_late(shot, bench):
    drive = bench([shot() for _ in range(20)] + [shot(gap_ns=1_000_000_000)])
    pipelines, watched = _watched(drive, Slow)
    watched.takes_ns = 0

    def hold_up(cycle):
        if cycle.frame is not None and cycle.frame.sequence == 19:
            watched.takes_ns = 60_000_000 // TURNS

    drive.run(hold_up, warm_up=pipelines)
    stop = next(cycle for cycle in drive.cycles if cycle.decision.reason is Reason.STALE_FRAME)
    newest = [cycle.frame for cycle in drive.cycles if cycle.sent_ns < stop.sent_ns][-1]
    assert watched.times_ns[-1] < stop.sent_ns
    assert stop.sent_ns - newest.capture_ns <= 150_000_000


def test_neither_early_frames_nor_pauses_are_slept_through(shot, warmed_up):
    gaps = [50] * 10 + [40, 60, 30, 50, 1000, 1000, 1000] + [50] * 10
    drive, watched = warmed_up([shot(gap_ns=gap * 1_000_000) for gap in gaps])
    frames = [cycle.frame.sequence for cycle in drive.cycles if cycle.frame is not None]
    assert frames == list(range(len(gaps)))
    assert drive.commands.count(Command.STOP) >= 45  # about one each 60 ms of the pauses
    assert watched.commands


def test_the_real_link_warms_up_what_is_sent_and_is_not_opened(bench, shot):
    said = []

    class Real:
        def warm_up(self, command, ttl_ms):
            said.append((command, ttl_ms))

    drive = bench([shot()])
    for pipeline in warm_up_pipelines(drive.camera_pilot, Real(), model=False):
        with pipeline.link as link:
            assert link.send(Command.LEFT, 100) == 0
    assert said == TURNS * [(Command.LEFT, 100)]


def _pilot_that_takes(*times_ns):
    """Its runs take these, the last one for ever; and the stopwatch that says so."""
    now_ns, left = [0], list(times_ns)

    class Pilot:
        def invoke(self):
            now_ns[0] += left.pop(0) if len(left) > 1 else left[0]

    return Pilot(), lambda: now_ns[0]


@pytest.mark.parametrize(
    ("rate_hz", "times", "quick"),
    [
        (30.0, (0.9,), True),
        (30.0, (1.1,), False),
        (30.0, (50.0, 0.9), True),  # the first finds nothing ready
        (30.0, (50.0, 50.0, 0.9), True),  # the second was held up
        (30.0, (50.0, 50.0, 50.0, 0.9), False),
        (90.0, (0.9,), True),
    ],
)
def test_a_model_is_quick_if_it_takes_a_small_share_of_a_frames_time(rate_hz, times, quick):
    limit_ns = MODEL_SHARE * 1e9 / rate_hz
    pilot, stopwatch = _pilot_that_takes(*(round(time * limit_ns) for time in times))
    assert is_quick(pilot, rate_hz, stopwatch) is quick


def test_a_quick_model_leaves_room_for_the_rest_of_the_warm_up():
    pilot, stopwatch = _pilot_that_takes(LONGEST_WARM_UP_NS // 2 + 1)
    assert not is_quick(pilot, 1.0, stopwatch)


@pytest.mark.parametrize("model", [True, False])
def test_the_model_is_warmed_up_in_the_first_pass_or_not_at_all(shot, bench, model):
    drive = bench([shot()])
    drive.camera.read(100.0)
    runs = []
    for pipeline in warm_up_pipelines(drive.camera_pilot, drive.link, model=model):
        pipeline.pilot.infer()
        runs.append(drive.camera_pilot.invoked)
    assert runs == [model, model]
