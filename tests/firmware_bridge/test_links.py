import pytest

from firmware_bridge.clock import MonotonicClock
from firmware_bridge.errors import LinkError
from firmware_bridge.links.plain import PlainLink
from firmware_bridge.links.registry import open_link
from firmware_bridge.links.serial import SerialLink


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        ("/dev/ttyACM0", SerialLink),
        ("/dev/serial/by-id/*", SerialLink),
        ("serial:/dev/ttyACM0", SerialLink),
        ("socket://localhost:3333", SerialLink),
        ("serial:socket://localhost:3333", SerialLink),
        ("plain:/dev/ttyUSB0", PlainLink),
    ],
)
def test_finds_the_link_by_its_words(spec, kind):
    assert type(open_link(spec, MonotonicClock())) is kind


@pytest.mark.parametrize("spec", ["", "plain:", "serial:"])
def test_a_spec_without_a_device_is_refused(spec):
    with pytest.raises(LinkError, match="names no device"):
        open_link(spec, MonotonicClock())
