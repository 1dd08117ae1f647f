"""Recordings of any known kind, as labelled frames: readers, labels, splits, several sets as one.

Imports no other room. One more kind of recording: a reader here, one line in `registry`, one in the
tests' contract suite.
"""
