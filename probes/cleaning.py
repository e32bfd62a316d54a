"""Clean-ups of an attempt: what a probe put there is taken away, whatever happened, in time of its own."""

from __future__ import annotations

import asyncio
import inspect
from time import monotonic

from probes.bench import Bench
from probes.context import Context
from probes.journal import Journal
from probes.records import CleanUp, NotCaptured, Stop
from probes.trouble import cause_of, say_bug
from probes.words.errors import ProbeBug
from probes.words.text import clean

_GONE = frozenset({404, 410})  # to a DELETE: what it was to remove is not there


async def clean_up(ctx: Context, journal: Journal, bench: Bench, seconds: float) -> None:
    """Run the clean-ups, last in, first out; each has its share of the time that is left."""
    end = monotonic() + seconds
    journal.settle()
    while ctx.undo:
        name, act = ctx.undo.pop()
        each = CleanUp(name, monotonic())
        journal.clean_ups.append(each)
        journal.cleaning = each
        opened = len(journal.open)
        until = monotonic() + max(0.0, end - monotonic()) / (len(ctx.undo) + 1)
        bench.move(until)
        try:
            async with asyncio.timeout_at(until):
                done = act()
                if inspect.isawaitable(done):
                    await done
            forgotten = next((thing for thing in journal.open[opened:] if not thing.used), None)
            each.trouble = each.trouble or (forgotten.complaint() if forgotten else "")
        except NotCaptured as missing:
            each.skipped = str(missing)
        except Stop:
            each.trouble = each.trouble or "it failed"
        except TimeoutError:
            each.trouble = each.trouble or f"it was not done in {monotonic() - each.began:.1f} s"
        except ProbeBug as bug:
            each.trouble = say_bug(bug)
        except asyncio.CancelledError:
            each.trouble = "it was cancelled"
            raise
        except Exception as error:  # a user's clean-up may raise anything, and the next one still has to run
            each.trouble = cause_of(error, "")
        finally:
            _judge(each)
            journal.cleaning = None


def _judge(each: CleanUp) -> None:
    each.end()
    for reply in each.silent:
        gone = reply.code in _GONE and reply.called.startswith("DELETE ")
        if not gone and not reply.status_seen and not each.trouble:
            each.trouble = clean(f"{reply.called} {reply.cause().sentence}", 300)
