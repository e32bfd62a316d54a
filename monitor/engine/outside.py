"""What helps the engine to judge: canaries, what providers say of themselves, whether our network reaches anybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.engine.network import Network
from monitor.engine.said import Said

if TYPE_CHECKING:
    from monitor.engine.attempts import Runs
    from monitor.engine.parts import Parts
    from monitor.engine.record import Recorder
    from monitor.engine.witnesses import Witnesses


def join(witnesses: Witnesses, parts: Parts, runs: Runs, recorder: Recorder) -> tuple[Said, Network]:
    """Let witnesses begin runs of canaries, be heard late, and know of status pages and of the network."""
    said = Said(parts, number=runs.next_number)
    network = Network(parts, number=runs.next_number)
    witnesses.start = lambda track: runs.begin(track, parts.clock.now())
    witnesses.reconsider = recorder.reconsider
    witnesses.says, witnesses.reach = said.trouble, network.judge
    return said, network
