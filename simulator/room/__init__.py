"""What a room looks like: floor, light, walls and what stands about, sampled from a seed.

Imports `track`. One more floor, lamp or object: its range in `appearance`, its drawing in
`ground` or `backdrop`.
"""
