"""Options of the console channel: none."""

from __future__ import annotations

from probes.words.section import Section


class Spec(Section):
    """Pages as lines on standard error, for first steps and rehearsals; it wakes nobody."""
