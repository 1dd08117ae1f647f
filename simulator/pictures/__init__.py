"""What people look at: the driven line from above, a film, contact sheets, a line chart.

Imports `world` and `teacher`. One more picture: a file here.
"""
