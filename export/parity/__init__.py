"""What a conversion lost: file against network on the same frames, layer by layer, as a report.

Imports `convert`. One more comparison: `compare`; one more row of the report: `report`.
"""
