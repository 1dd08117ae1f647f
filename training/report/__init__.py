"""What is said of a result: figures, and pictures of data, training and networks.

Imports `networks`. One more figure: `metrics`; one more picture: a function in `pictures`.
"""
