"""The teacher, who sees the world's truth; and the labelled frames that come of it.

Imports `world`. One more rule of driving: `teacher`; another way to meet situations: `rollouts`.
"""
