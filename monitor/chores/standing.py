"""What a chore finds wrong again and again, and says once: as members of the monitor's incident, until it is mended."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from sqlmodel import Session

from alerts.signal import Condition
from monitor.engine import signals

if TYPE_CHECKING:
    from monitor.app import Keeper


async def stand(
    keeper: Keeper, kind: str, found: Mapping[str, str], *, mended: Callable[[str], str], unsure: Collection[str] = ()
) -> None:
    """From now on what is wrong of this kind is what was `found`: a sentence for each name. `kind` begins the names of
    the members; `mended(name)` is what is said when one is well; of what is `unsure` nothing new is said."""
    now = keeper.clock.now()

    def read(session: Session) -> set[str]:
        found = keeper.desk.open_members(session, signals.MONITOR)
        mine = (one.member for one in found if one.subject == signals.MONITOR)  # a workflow's name may begin so too
        return {member.removeprefix(kind) for member in mine if member.startswith(kind)}

    told = await keeper.store.read(read)
    news = {name: (Condition.FAILING, found[name]) for name in found.keys() - told}
    news |= {name: (Condition.PASSING, mended(name)) for name in told - found.keys() - set(unsure)}
    for name, (condition, sentence) in sorted(news.items()):
        keeper.engine.teller.tell(
            signals.of_monitor(keeper.catalog, f"{kind}{name}", condition, at=now, since=now, sentence=sentence)
        )
