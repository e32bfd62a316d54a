"""The two faces of the target that a probe talks to: `ctx.http` and `ctx.chat`."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any, Protocol, TypedDict, Unpack

from probes.bench import Wait
from probes.calls import Call, Place, place, say_place
from probes.replies import ChatReply, HttpReply
from probes.tools.multipart import Upload
from probes.words.errors import ProbeBug

Message = dict[str, Any]


class Reading(TypedDict, total=False):
    """What may go with a request without a body."""

    params: Mapping[str, Any]
    headers: Mapping[str, str]
    timeout: Wait
    follow: bool


class Writing(Reading, total=False):
    """What may go with a request: a JSON body, the `data` of a form, or `content` as it stands. `files` make the form
    one of several parts: {field: (name, content)} or {field: (name, content, type)}.
    """

    json: Any
    data: Mapping[str, Any]
    content: bytes | str
    files: Mapping[str, tuple[str, bytes | str] | tuple[str, bytes | str, str]]


class Asking(TypedDict, total=False):
    """How a question is asked, beside its text. `tool_results` are what each tool answers when the model calls it."""

    tools: Mapping[str, Any]
    schema: Mapping[str, Any]
    tool_results: Mapping[str, Any]


_READING = frozenset(Reading.__annotations__)
_WRITING = frozenset(Writing.__annotations__)


class Desk(Protocol):
    """Who makes calls of what the faces are asked."""

    def request(
        self, method: str, path: str, options: Mapping[str, Any], timeout: Wait, where: Place
    ) -> Call[HttpReply]: ...
    def converse(
        self, name: str, messages: list[Message], timeout: Wait, where: Place, how: Asking
    ) -> Call[ChatReply]: ...


class HttpFace:
    """Requests to the workflow: paths join the target's address, `params` are encoded, the answer is an HttpReply.
    `headers` go with every request.
    """

    __slots__ = ("_desk", "headers")

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.headers: dict[str, str] = {}

    def get(self, path: str, **options: Unpack[Reading]) -> Call[HttpReply]:
        """GET `path`."""
        return self._call("GET", path, options, _READING, place())

    def head(self, path: str, **options: Unpack[Reading]) -> Call[HttpReply]:
        """HEAD `path`."""
        return self._call("HEAD", path, options, _READING, place())

    def post(self, path: str, **options: Unpack[Writing]) -> Call[HttpReply]:
        """POST to `path`, with a JSON body, the `data` of a form, or `content` as it stands."""
        return self._call("POST", path, options, _WRITING, place())

    def put(self, path: str, **options: Unpack[Writing]) -> Call[HttpReply]:
        """PUT to `path`."""
        return self._call("PUT", path, options, _WRITING, place())

    def patch(self, path: str, **options: Unpack[Writing]) -> Call[HttpReply]:
        """PATCH `path`."""
        return self._call("PATCH", path, options, _WRITING, place())

    def delete(self, path: str, **options: Unpack[Writing]) -> Call[HttpReply]:
        """DELETE `path`."""
        return self._call("DELETE", path, options, _WRITING, place())

    def _call(
        self, method: str, path: str, options: Mapping[str, Any], known: frozenset[str], where: Place
    ) -> Call[HttpReply]:
        given = dict(options)
        if given.keys() - known:
            name = min(given.keys() - known)
            hint = f"it takes {', '.join(sorted(known))}"
            raise ProbeBug(f"ctx.http.{method.lower()} takes no {name!r}", where=say_place(where), hint=hint)
        if self.headers:
            given["headers"] = {**self.headers, **(given.get("headers") or {})}
        if "files" in given:
            given["files"] = _uploads(given["files"], where)
        if not isinstance(path, str):
            path = str(path)  # an absent value stops the run here; anything else is refused by the target
        return self._desk.request(method, path, given, given.pop("timeout", None), where)


def _uploads(files: Mapping[str, Any], where: Place) -> list[Upload]:
    made = []
    for field, one in files.items():
        if not isinstance(one, tuple) or len(one) not in (2, 3) or not isinstance(one[1], bytes | str):
            hint = 'write files={"invoice": ("invoice.pdf", await ctx.read("samples/invoice.pdf"), "application/pdf")}'
            raise ProbeBug(f"files: {field} is no (name, content)", where=say_place(where), hint=hint)
        content = one[1].encode() if isinstance(one[1], str) else one[1]
        made.append(Upload(field, str(one[0]), content, *map(str, one[2:])))
    return made


class Conversation:
    """A conversation with the workflow's agent: what was said before goes along with each turn."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.messages: list[Message] = []

    def ask(self, text: str, *, timeout: Wait = None, **how: Unpack[Asking]) -> Call[ChatReply]:
        """Say something and get the answer, a ChatReply; with `tools`, `tool_results` and `schema` as in ctx.ask."""
        where = place()

        def start() -> Coroutine[Any, Any, ChatReply]:
            return self._turn(text, timeout, where, how)

        call = self._desk.converse("ctx.chat.ask", [], timeout, where, how)
        call.start = start
        return call

    async def _turn(self, text: str, timeout: Wait, where: Place, how: Asking) -> ChatReply:
        self.messages.append({"role": "user", "content": text})
        reply = await self._desk.converse("ctx.chat.ask", list(self.messages), timeout, where, how)
        self.messages += reply.said
        return reply
