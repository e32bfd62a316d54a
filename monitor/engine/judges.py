"""Judges that do not know right from wrong: their owner is told of each once, whatever probes they judge for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from probes.words.text import clean

MOST = 500  # of them, each with its rule


class Judges:
    """What attempts found out: `heard` are those that were tried since the start, `broken` why some of them are."""

    def __init__(self) -> None:
        self.heard: set[str] = set()
        self.broken: dict[str, str] = {}

    def learn(self, learned: Mapping[str, Any]) -> None:
        """Take over what an attempt saw: by judge, why it is broken, "" when it is not."""
        found = learned.get("judges")
        for name, why in found.items() if isinstance(found, dict) else ():
            name = clean(str(name), 120)
            if len(self.heard) >= MOST and name not in self.heard:
                continue
            self.heard.add(name)
            if why:
                self.broken[name] = clean(str(why), 300)
            else:
                self.broken.pop(name, None)
