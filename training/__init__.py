"""Data sets, MobileNet v1 by block, and the ways of training them; runs off the car."""
