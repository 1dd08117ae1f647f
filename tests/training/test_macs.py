import pytest

from training.macs import count_macs
from training.networks import build_network, spec_of


def test_the_published_count_of_mobilenet():
    # Howard et al. 2017, table 4: 569 million, of which the 1000-way head has 1024 * 1000.
    model = build_network(spec_of("baseB", upsample=True))
    published = 569_000_000
    ours = count_macs(model) - 1024 * 3 + 1024 * 1000
    assert ours == pytest.approx(published, rel=0.002)


def test_one_block_by_hand():
    # 45x80 halves to 23x40 (same padding): stem 3*3*3*8, depthwise 3*3*8, pointwise 8*16, head.
    model = build_network(spec_of("sliced1", alpha=0.25))
    assert count_macs(model) == 23 * 40 * (3 * 3 * 3 * 8 + 3 * 3 * 8 + 8 * 16) + 16 * 3
