"""One training run: the trainer, its folder, the machine that it runs on, its progress.

Imports `data`, `pipeline`, `networks` and `report`. One more thing that a run writes down:
`folder`; one more way of computing: `machine`.
"""
