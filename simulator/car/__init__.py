"""The simulated car: what two motors do to it when the firmware switches them.

Imports `track` alone. One more kind of car: a class here and its name in ``CAR_KINDS``.
"""
