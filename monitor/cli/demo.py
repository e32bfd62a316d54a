"""`showup demo`: the story in a terminal, with four keys or without hands."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn

from monitor.cli.paper import hung
from monitor.demo.stage import Stage
from monitor.demo.story import Seen, Story
from probes.words.text import for_terminal

KEYS = "b break · r repair · a acknowledge · q quit"
LOOK_EVERY = 0.5
LOUD = 4  # the ntfy priority from which a phone makes a sound that wakes


def run_demo(*, script: bool, history: int) -> int:
    """Play; 0 when everything of the script was seen, or at the user's end."""
    console = Console(highlight=False)
    try:
        return asyncio.run(_play(console, script=script, history=history))
    except KeyboardInterrupt:
        return 0


async def _play(console: Console, *, script: bool, history: int) -> int:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, console=console, transient=True) as progress:
        bars: dict[str, Any] = {}

        def show(what: str, share: float) -> None:
            bar = bars.setdefault(what, None)
            if bar is None:
                bar = bars[what] = progress.add_task(what, total=1.0)
            progress.update(bar, completed=share)

        stage = Stage(days=history, progress=show)
        await stage.__aenter__()
    try:
        _welcome(console, stage)
        if not script and not sys.stdin.isatty():
            console.print("There is no keyboard here, so the story is told without hands.\n")
            script = True
        return await (_without_hands(console, stage) if script else _by_hand(console, stage))
    finally:
        await stage.__aexit__(None, None, None)


def _welcome(console: Console, stage: Stage) -> None:
    console.print("\n[bold]showup demo[/bold]: a dental clinic's AI intake agent, watched by the real daemon.")
    console.print(
        "Slack, PagerDuty and the phone are local servers that speak the real protocols. No account is used.\n"
    )
    for name, address in (
        ("status page", stage.page),
        ("the clinic", stage.clinic.view_url),
        ("Slack", stage.slack.view_url),
        ("the phone", stage.phone.view_url),
        ("PagerDuty", stage.pagerduty.view_url),
    ):
        console.print(f"  {name:<12} {address}", soft_wrap=True)
    console.print()


async def _without_hands(console: Console, stage: Stage) -> int:
    def say(seen: Seen) -> None:
        mark = "✓" if seen.seconds is not None else "✗"
        took = f"{seen.seconds:6.2f} s" if seen.seconds is not None else "       -"
        console.print(f"{mark} {took}  {escape(seen.stage)}", soft_wrap=True)
        console.print(f"             {escape(for_terminal(seen.detail, 200))}", style="dim", soft_wrap=True)

    done = await Story(stage, say).play()
    console.print("\nEvery stage was seen." if done else "\nThe story broke off.")
    if done:
        _farewell(console)
    return 0 if done else 1


async def _by_hand(console: Console, stage: Stage) -> int:
    console.print(f"[bold]{KEYS}[/bold]\n")
    teller = asyncio.create_task(_tell(console, stage))
    keys: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    with _keyboard():
        loop.add_reader(sys.stdin.fileno(), lambda: keys.put_nowait(sys.stdin.read(1)))
        try:
            while True:
                key = (await keys.get()).lower()
                if key in ("q", "\x03", "\x04", ""):
                    break
                await _press(console, stage, key)
        finally:
            loop.remove_reader(sys.stdin.fileno())
            teller.cancel()
            await asyncio.gather(teller, return_exceptions=True)
    _farewell(console)
    return 0


async def _press(console: Console, stage: Stage, key: str) -> None:
    if key == "b":
        stage.clinic.break_it("wrong-time")
        console.print("» broken: the agent now books 22:00 instead of 10:00. Nobody is told; watch.", style="bold")
    elif key == "r":
        stage.clinic.repair()
        console.print("» repaired.", style="bold")
    elif key == "a":
        from probes.words.errors import Refused

        try:
            on_call = (await stage.ask("oncall"))["front-line"]["name"]
            found = await stage.ask("ack", by=on_call, via="the demo")
            console.print(f"» {escape(found['text'])}", style="bold")
        except Refused as refused:
            console.print(f"» {escape(str(refused))}", style="bold")
    elif key.strip():
        console.print(KEYS, style="dim")


async def _tell(console: Console, stage: Stage) -> None:
    """Print what happens as it happens: every event of every incident, and what stands on the phone."""
    told: set[tuple[str, str, str]] = set()
    rung = 0
    started = (await stage.ask("status"))["at"]
    while True:
        for incident in await stage.ask("incidents", days=0.2):
            for event in incident["events"]:
                mark = (incident["public_id"], event["at"], event["text"])
                if mark not in told and event["at"] >= started:
                    told.add(mark)
                    text = for_terminal(f"{incident['title']}: {event['text']}", 160)
                    _hang(console, f"  {event['at'][11:19]}  {event['kind']:<13} ", text)
        for message in stage.phone.messages[rung:]:
            word = "phone rings" if message.priority >= LOUD else "phone shows"
            _hang(console, f"{'':12}{word:<13} ", for_terminal(message.title or message.message, 80))
        rung = len(stage.phone.messages)
        await asyncio.sleep(LOOK_EVERY)


def _hang(console: Console, head: str, text: str) -> None:
    for line in hung(head, text, console.width):
        console.print(escape(line), soft_wrap=True)


def _farewell(console: Console) -> None:
    console.print("\nNext, for a workflow of your own:  [bold]showup init[/bold]   then  [bold]showup run[/bold]\n")


@contextlib.contextmanager
def _keyboard() -> Iterator[None]:
    """Single keys without Enter, also over SSH; the terminal is put back as it was afterwards."""
    import termios
    import tty

    end = sys.stdin.fileno()
    before = termios.tcgetattr(end)
    tty.setcbreak(end)
    try:
        yield
    finally:
        termios.tcsetattr(end, termios.TCSADRAIN, before)
