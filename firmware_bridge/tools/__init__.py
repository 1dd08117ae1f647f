"""Work on a real board from a terminal: a probe, the self-test, round-trip times.

Imported by `firmware_bridge.cli` and tests; imports `links` and `wire`. One more tool: its work in
a file here, its command in `firmware_bridge.cli`.
"""
