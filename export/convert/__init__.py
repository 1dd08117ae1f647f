"""Keras to TFLite: the converter, the frames that it is calibrated on, what came out of it.

Imports no other room. One more format: an entry in `formats`.
"""
