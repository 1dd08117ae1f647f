"""The simulated devices: camera and link of a world, as the runtime knows cameras and links.

Imports `world`. Named in the controller's registries; never a default. One more way to let a
program drive a world: a file here.
"""
