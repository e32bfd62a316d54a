"""The story without hands: broken, noticed, paged, answered, repaired, recovered; each stage must really be seen."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

from alerts.channels.slack.blocks import ACK
from monitor.demo.stage import Stage

PATIENCE = 60.0  # seconds for one stage
LOOK_EVERY = 0.2


@dataclass(frozen=True, slots=True)
class Seen:
    """A stage of the story: what was seen, and after how many seconds since the stage before; None when it was not."""

    stage: str
    detail: str
    seconds: float | None


class Story:
    """Plays the story on a stage; `say` is told of each stage as it is seen."""

    def __init__(self, stage: Stage, say: Callable[[Seen], None]) -> None:
        self._stage, self._say = stage, say
        self._incident = ""

    async def play(self) -> bool:
        """True when every stage was seen."""
        stage = self._stage
        stages: list[tuple[str, Callable[[], Awaitable[str]]]] = [
            ("probes run and pass", self._watching),
            ("the workflow is broken: it books 22:00 instead of 10:00", self._break),
            ("an incident opens", self._opened),
            ("the page stands in Slack", self._in_slack),
            ("the phone of the person on call rings", self._rings),
            ("acknowledged by the button in Slack", self._acknowledge),
            ("the workflow is repaired", self._repair),
            ("the incident recovers by itself", self._recovered),
            ("Slack and the status page show it", self._shown),
        ]
        for name, act in stages:
            began = monotonic()
            try:
                async with asyncio.timeout(PATIENCE):
                    detail = await self._until(act)
            except TimeoutError:
                self._say(
                    Seen(name, f"not seen within {PATIENCE:.0f} s; the daemon's log: {stage.folder}/daemon.log", None)
                )
                return False
            self._say(Seen(name, detail, monotonic() - began))
        return True

    @staticmethod
    async def _until(act: Callable[[], Awaitable[str]]) -> str:
        while True:
            found = await act()
            if found:
                return found
            await asyncio.sleep(LOOK_EVERY)

    async def _watching(self) -> str:
        found = await self._stage.ask("status")
        states = [one["state"] for one in found["workflows"]]
        lasts = [probe["last"] for one in found["workflows"] for probe in one["probes"]]
        fresh = all(last is not None and last["state"] == "up" for last in lasts)
        return (
            f"{len(lasts)} probes, all up"
            if fresh and set(states) == {"up"} and found["lateness_ms"]["starts"] >= 3
            else ""
        )

    async def _break(self) -> str:
        self._stage.clinic.break_it("wrong-time")
        return "the booking API keeps the wrong time"

    async def _open(self) -> dict[str, Any] | None:
        found = await self._stage.ask("incidents", days=0)
        mine = [one for one in found if one["subject"] == "intake/production"]
        return mine[0] if mine else None

    async def _opened(self) -> str:
        found = await self._open()
        if found is None:
            return ""
        self._incident = str(found["public_id"])
        return f"{self._incident}: {found['sentence']}"

    async def _in_slack(self) -> str:
        posts = [one for one in self._stage.slack.messages("ops-alerts") if "Intake agent" in one.text]
        return f"#ops-alerts: {posts[-1].text[:80]}" if posts else ""

    async def _rings(self) -> str:
        rung = [one for one in self._stage.phone.messages if "Intake agent" in f"{one.title} {one.message}"]
        return f"lock screen: {(rung[-1].title or rung[-1].message)[:80]}" if rung else ""

    async def _acknowledge(self) -> str:
        post = [one for one in self._stage.slack.messages("ops-alerts") if "Intake agent" in one.text][-1]
        pressed = await self._stage.slack.press(post, ACK, wait=2.0)
        found = await self._open()
        if found is None or found["state"] != "acknowledged":
            return ""
        return f"by {found['acked_by']}, socket answered in {pressed.seconds or 0.0:.2f} s"

    async def _repair(self) -> str:
        self._stage.clinic.repair()
        return "it books the time that was asked for"

    async def _recovered(self) -> str:
        found = await self._stage.ask("incident", id=self._incident)
        if found["state"] != "resolved":
            return ""
        return f"resolved by {found['resolved_by']}, {found['began'][11:19]} to {found['resolved_at'][11:19]} UTC"

    async def _shown(self) -> str:
        posts = [one.text for one in self._stage.slack.messages("ops-alerts") if "Intake agent" in one.text]
        page = self._stage.state / "public" / "index.html"
        html = await asyncio.to_thread(page.read_text, "utf-8")
        in_slack = any("Recovered" in text for text in posts)
        on_page = "Intake agent answered wrongly" in html and "are working" in html
        return "Recovered, in the same message; the page says all are working" if in_slack and on_page else ""
