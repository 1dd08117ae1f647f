"""The lane on the floor: its line, its paper strips, and strips that belong to another lane.

Imports no other room. One more named track: its curve in `tracks`; one more kind of strip: `paper`.
"""
