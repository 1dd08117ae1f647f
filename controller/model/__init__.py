"""What answers a frame: the pilot, the TFLite interpreter, cards, and the shipped models.

Imported by `drive` and everything above it; imports no other room. Another TFLite runtime goes into
`interpreter`; one more shipped model is a ``.tflite`` and its card in ``models/``.
"""
