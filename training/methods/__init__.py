"""Ways to train beyond a plain run: strategies, frozen features, pruning, 8-bit training.

Imports `runs` and all below it. One more method: a file here and its command in `training.cli`.
"""
