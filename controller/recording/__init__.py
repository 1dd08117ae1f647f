"""Drives on disk: the MCAP format, its writer and reader, frame sets, and other people's tubs.

Imported by `cameras` (replay) and everything above; imports no room but `system`. One more kind of
recording to drive through: a reader here, and a line in `sources`.
"""
