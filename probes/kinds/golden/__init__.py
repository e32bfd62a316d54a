"""A golden set: cases whose right answers are known, some of them in each run, scored over time."""
