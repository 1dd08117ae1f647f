"""How long a frame takes to become a command: measured, and held against the design's numbers.

Imported by `cli` alone. One more figure: measured in `measure`, its bound and its row in `report`.
"""
