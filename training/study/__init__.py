"""The transfer study: its grid, its runs by one process or many, its tables and figures.

Imports `runs` and all below it. One more column of the tables: `results` reads it, `report` shows
it; one more worker: a file beside `ray`.
"""
