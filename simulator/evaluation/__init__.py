"""How well a model drives: closed loop on unseen tracks, sweeps, endurance, real labelled frames.

Imports every room but `cli`. One more figure of a drive: `lane_keeping`; one more thing to change
in a sweep: `factors`.
"""
