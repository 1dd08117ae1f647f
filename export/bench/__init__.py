"""How fast files run, side by side in one run on one machine.

Imports `convert`. One more network to compare with: `references`; one more column: `report`.
"""
