"""The kinds of probes, one folder each; the table of them is `probes.spec.KINDS`. Nothing is imported here.

A folder has `spec.py`, light: what is written; and `run.py`, for probe hosts only: `prepare(spec)` gives the function
that carries it out, an interpreter that speaks to Context alone.
"""
