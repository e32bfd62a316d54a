"""`showup init`: three questions, a configuration of a few lines, and a first try of it."""

from __future__ import annotations

import json
import os
import secrets
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from monitor.cli.paper import plain
from probes.words.errors import Refused
from probes.words.names import slug

FILE, ENV, JOURNEYS = "showup.yaml", ".env", "journeys"
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")  # of one's own machine, which rarely speaks TLS
SECRET = "PHONE"  # the name, not the value  # noqa: S105

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answers:
    """What a first configuration is made of: `server` is an ntfy server of one's own, "" for the usual one."""

    url: str
    path: str
    topic: str
    server: str
    promise: str
    words: str


def run_init(folder: Path, *, url: str, phone: str, promise: str, words: str) -> int:
    """Write a configuration and try it: 0 when its probe passed, 1 when not; raises Refused rather than overwrite."""
    taken = [name for name in (FILE, ENV) if (folder / name).exists()]
    if taken:
        raise Refused(
            f"{folder / taken[0]} is there already", hint=f"choose another folder, or: showup validate -c {folder}"
        )
    asks = sys.stdin.isatty()
    answers = _answers(url, phone, promise, words, asks=asks)
    write(folder, answers)
    print(f"Wrote {folder / FILE}, {folder / ENV} (yours alone) and {folder / JOURNEYS}/ for probes in Python.")
    if answers.topic and not phone:
        server = answers.server or "https://ntfy.sh"
        print(f"On your phone: install the app ntfy and subscribe to {answers.topic} at {server}.")
    code = _try(folder / FILE)
    if asks:
        _ring(folder / FILE)
    _next(folder)
    return code


def _answers(url: str, phone: str, promise: str, words: str, *, asks: bool) -> Answers:
    """What was given by option, else what a person answers; raises Refused when nobody is there to ask."""
    suggested, rings = f"showup-{secrets.token_hex(8)}", "An ntfy topic that rings your phone (who knows it can ring)"
    address, path = _answer(url, "The address of what you want to watch", "", read_url, option="--url", asks=asks)
    server, topic = _answer(phone, rings, suggested, read_phone, option="--phone", asks=asks)
    usual = f"{urlsplit(address).hostname} answers"
    promise = _answer(promise, "What it promises its users, in a sentence", usual, str, option="--promise", asks=asks)
    return Answers(address, path, topic, server, plain(promise, 200), plain(words, 200))


def _answer(given: str, question: str, default: str, read: Callable[[str], T], *, option: str, asks: bool) -> T:
    """What `read` makes of an option, else of what a person answers, who is asked again until it can be taken."""
    if given or (default and not asks):
        return read(given or default)
    if not asks:
        raise Refused(f"nobody can be asked here: {question.lower()}", hint=f"write {option}")
    import typer

    while True:
        try:
            return read(str(typer.prompt(question, default=default or None)))
        except Refused as refused:
            print(f"  {refused}; {refused.hint.replace(f'write {option} ', 'write ')}")


def read_url(text: str) -> tuple[str, str]:
    """(address of the workflow, path of the first probe); raises Refused with what to write."""
    text = text.strip()
    if "://" not in text:
        text = f"{'http' if text.lower().startswith(LOOPBACK) else 'https'}://{text}"
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if not host or parts.scheme not in ("http", "https"):
        raise Refused(f"{plain(text, 80)} is no address", hint="write --url https://intake.example.com")
    if parts.username or parts.password:
        raise Refused("the address holds a password", hint="write auth: {basic: …} with ${secret:NAME} afterwards")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return f"{parts.scheme}://{parts.netloc}", path


def read_phone(text: str) -> tuple[str, str]:
    """(ntfy server or "", topic) of a topic or of its whole address; raises Refused."""
    text = text.strip().removeprefix("ntfy:")
    server = ""
    if "://" in text:
        parts = urlsplit(text)
        server = f"{parts.scheme}://{parts.netloc}"
        text = parts.path.strip("/")
    bare = text.replace("-", "").replace("_", "")
    if not (bare.isascii() and bare.isalnum() and len(text) <= 64):
        raise Refused(
            f"{plain(text, 80)!r} is no ntfy topic", hint="write --phone showup-x7k2, or https://ntfy.example.com/topic"
        )
    return ("" if server == "https://ntfy.sh" else server), text


def yaml_of(answers: Answers) -> str:
    """The configuration: fifteen lines at most, every answer quoted as JSON, which YAML reads as it stands."""
    host = urlsplit(answers.url).hostname or "workflow"
    key = slug(host.split(".")[0] if not host.replace(".", "").isdigit() else "workflow")
    holds = f"{{contains: {_quoted(answers.words)}}}" if answers.words else "{status: 200}"
    lines = [
        "monitor: {policy: wake-me}            # who hears about showup's own troubles",
        "defaults: {policy: wake-me}",
        f"channels: {{ntfy: {{url: {_quoted(answers.server)}}}}}" if answers.server else "",
        f'people: {{me: {{name: {_quoted(_name())}, phone: ["ntfy:${{secret:{SECRET}}}"]}}}}',
        "policies: {wake-me: {levels: [{notify: [me]}], warnings: [me]}}",
        "workflows:",
        f"  {key}:",
        f"    promise: {_quoted(answers.promise)}",
        f"    url: {_quoted(answers.url)}",
        "    probes:",
        f"      answers: {{get: {_quoted(answers.path)}, every: 1m, check: [{holds}]}}",
    ]
    return "\n".join(line for line in lines if line) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _name() -> str:
    import getpass

    try:
        return plain(getpass.getuser(), 60) or "Me"
    except (OSError, KeyError):
        return "Me"


def write(folder: Path, answers: Answers) -> None:
    """The three things on the disk; a file that is there is never written over."""
    try:
        (folder / JOURNEYS).mkdir(parents=True, exist_ok=True)
        _new(folder / ENV, f"{SECRET}={answers.topic}\n", 0o600)
        _new(folder / FILE, yaml_of(answers), 0o644)
    except OSError as error:
        raise Refused(f"{folder} cannot be written: {error.strerror or error}", hint="choose another folder") from None


def _new(path: Path, text: str, mode: int) -> None:
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(number, "w", encoding="utf-8") as file:
        file.write(text)


def _try(file: Path) -> int:
    """Load it as the daemon would and run its probe once."""
    from monitor.cli.attempts import opened
    from monitor.cli.try_out import run_test

    catalog, _ = opened(file)
    print()
    return run_test(next(iter(catalog.probes)), file, env="", as_json=False)


def _ring(file: Path) -> None:
    """Ring the phone, if wanted: a page that was never tried is a hope."""
    import typer

    from monitor.cli import show
    from monitor.client import call
    from probes.words.errors import ShowupError

    if not typer.confirm("\nRing your phone now?", default=True):
        return
    try:
        show.notify(call("notify", config=file, person="me"))
    except ShowupError as error:
        print(f"The phone could not be tried: {plain(error)}")


def _next(folder: Path) -> None:
    here = folder.resolve() == Path.cwd().resolve()
    option = "" if here else f" -c {folder / FILE}"
    print(f"\nNext, on {socket.gethostname()}:")
    print(f"  showup notify me --test{option}    rings your phone")
    print(f"  showup run{option}                 watches, here in the foreground")
    print(f"  sudo showup install{option}        watches for good, as a service")
