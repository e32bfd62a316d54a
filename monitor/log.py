"""The log: one line an event, no line that a target could forge, no secret in any."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

from probes.words.secret import NOTHING, Redactor
from probes.words.text import for_log

_LONGEST = 2_000  # characters of one value
_NOISY = (
    "aiohttp", "alembic", "apscheduler", "httpcore", "httpcore2", "httpx", "httpx2", "pagerduty", "slack_sdk", "uvicorn"
)  # fmt: skip
_PRIORITY = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}  # of syslog, as journalctl -p knows them


class _Guard:
    """Redacts and cleans every value of an event on its way out; the redactor is replaced on reload."""

    def __init__(self) -> None:
        self.redactor: Redactor = NOTHING

    def __call__(self, _logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        for key, value in event.items():
            if isinstance(value, str):
                event[key] = self.redactor.text(for_log(value, _LONGEST))
            elif not isinstance(value, int | float | bool | None):
                event[key] = self.redactor.text(for_log(str(value), _LONGEST))
        return event


_guard = _Guard()


def hide(redactor: Redactor) -> None:
    """From now on nothing this redactor knows appears in the log."""
    _guard.redactor = redactor


def in_journal(environ: Mapping[str, str] = os.environ, *, handle: int = 2) -> bool:
    """True when this descriptor, standard error, leads to systemd's journal, which keeps time and priority itself."""
    try:
        there = os.fstat(handle)
    except OSError:
        return False
    return environ.get("JOURNAL_STREAM") == f"{there.st_dev}:{there.st_ino}"


def journal_line(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> str:
    """One line for the journal: the priority as it takes it off again, what happened, then what belongs to it."""
    priority = _PRIORITY.get(str(event.pop("level", "info")), 6)
    event.pop("timestamp", None)
    what = event.pop("event", "")
    said = f" {json.dumps(event, ensure_ascii=False)}" if event else ""
    return f"<{priority}>{what}{said}"


def set_up(*, as_json: bool, level: str = "INFO") -> None:
    """Send every log line, the libraries' too, to standard error: JSON, plain for a person, or as a journal has it."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _guard,
    ]
    renderer: Any = structlog.processors.JSONRenderer()
    if in_journal():
        renderer = journal_line
    elif not as_json:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
