"""``check``: what is looked at before a drive, and the advice that belongs to what was found.

Imported by `cli` and `benchmark` alone. One more line on the page: a probe in `devices` or
`machine`, its place in `probes`.
"""
