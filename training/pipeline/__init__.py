"""From frames on disk to batches: what a training step is fed, and by which recipe.

Imports `data`. One more augmentation: `augment`; one more recipe: `recipes`.
"""
