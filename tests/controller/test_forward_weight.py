import numpy as np
import pytest

from controller.drive.supervisor import Supervisor, SupervisorSettings, choose, weigh
from controller.errors import ModelError
from controller.model.cards import read_card, write_card
from controller.model.pilot import DEFAULT_MODEL, TflitePilot, find_model, forward_weight_of
from firmware_bridge.wire.commands import Command, McuState, McuStatus, MotorOutputs, Trip
from firmware_bridge.wire.session import LinkHealth

OFF = MotorOutputs(0.0, 0.0)
STATUS = McuStatus(1, 7, 1, McuState.ARMED, Trip.NONE, Command.STOP, OFF, None, 0, 0, {})
GOOD = LinkHealth(True, STATUS, 0, 0, 0, False)


def likely(*values):
    return np.array(values, np.float32)


def test_forward_is_weighed_and_the_sum_stays_one():
    assert weigh(likely(0.2, 0.6, 0.2), 4.0).tolist() == pytest.approx([0.5, 0.375, 0.125])
    unchanged = likely(0.2, 0.6, 0.2)
    assert weigh(unchanged, 1.0) is unchanged
    weigh(unchanged, 4.0)
    assert unchanged.tolist() == pytest.approx([0.2, 0.6, 0.2])


@pytest.mark.parametrize(
    ("probabilities", "plain", "weighed"),
    [
        (likely(0.35, 0.65, 0.0), Command.LEFT, Command.FORWARD),
        (likely(0.05, 0.0, 0.95), Command.RIGHT, Command.RIGHT),
        (likely(0.16, 0.84, 0.0), Command.LEFT, Command.LEFT),
        (likely(0.9, 0.1, 0.0), Command.FORWARD, Command.FORWARD),
    ],
)
def test_a_weighed_car_turns_only_where_nearly_all_drivers_would(probabilities, plain, weighed):
    assert choose(probabilities) is plain
    assert choose(weigh(probabilities, 5.0)) is weighed
    for weight, expected in ((1.0, plain), (5.0, weighed)):
        supervisor = Supervisor(SupervisorSettings(arm_at_start=True))
        supervisor.forward_weight = weight
        supervisor.arm()
        decision = supervisor.on_frame(1_000_000, 0, probabilities, GOOD)
        assert decision.command is expected


def test_what_are_no_probabilities_stays_no_answer():
    supervisor = Supervisor(SupervisorSettings(arm_at_start=True))
    supervisor.forward_weight = 5.0
    supervisor.arm()
    assert supervisor.on_frame(1_000_000, 0, likely(np.nan, 0, 0), GOOD).command is Command.STOP


def test_how_sure_a_model_is_is_told_after_weighing():
    settings = SupervisorSettings(arm_at_start=True, least_probability=0.6, unsure_frames=1)
    for weight, expected in ((1.0, Command.STOP), (4.0, Command.FORWARD)):
        supervisor = Supervisor(settings)
        supervisor.forward_weight = weight
        supervisor.arm()
        assert supervisor.on_frame(1_000_000, 0, likely(0.5, 0.5, 0.0), GOOD).command is expected


def test_the_weight_is_the_cards(tmp_path):
    model = find_model(DEFAULT_MODEL)
    card = read_card(model)
    copy = tmp_path / "copy.tflite"
    copy.write_bytes(model.read_bytes())
    facts = {key: value for key, value in card.facts.items() if key != "forward_weight"}
    write_card(copy, "copy", (card.height, card.width), facts)
    assert forward_weight_of(TflitePilot(copy)) == 1.0
    write_card(copy, "copy", (card.height, card.width), {**facts, "forward_weight": 2.5})
    assert forward_weight_of(TflitePilot(copy)) == 2.5
    for wrong in (0, -1, "5", True, 1e9):
        write_card(copy, "copy", (card.height, card.width), {**facts, "forward_weight": wrong})
        with pytest.raises(ModelError, match="forward_weight"):
            read_card(copy)
