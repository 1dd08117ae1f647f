"""The networks: MobileNet v1 by block, others to compare with, and what changes their layers.

Imports no other room. One more trunk: `trunks`.
"""
