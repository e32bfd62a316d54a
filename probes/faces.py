"""The two faces of the target that a probe talks to: `ctx.http` and `ctx.chat`."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any, Protocol, TypedDict, Unpack

from probes.bench import Wait
from probes.calls import Call, Place, place, say_place
from probes.replies import ChatReply, HttpReply
from probes.words.errors import ProbeBug

Message = dict[str, str]


class Reading(TypedDict, total=False):
    """What may go with a request without a body."""

    params: Mapping[str, Any]
    headers: Mapping[str, str]
    timeout: Wait
    follow: bool


class Writing(Reading, total=False):
    """What may go with a request: a JSON body, the `data` of a form, or `content` as it stands."""

    json: Any
    data: Mapping[str, Any]
    content: bytes | str


_READING = frozenset(Reading.__annotations__)
_WRITING = frozenset(Writing.__annotations__)


class Desk(Protocol):
    """Who makes calls of what the faces are asked."""

    def request(
        self, method: str, path: str, options: Mapping[str, Any], timeout: Wait, where: Place
    ) -> Call[HttpReply]: ...
    def converse(self, name: str, messages: list[Message], timeout: Wait, where: Place) -> Call[ChatReply]: ...


class HttpFace:
    """Requests to the workflow: paths join the target's address, `params` are encoded, the answer is an HttpReply."""

    __slots__ = ("_desk",)

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

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
        if not isinstance(path, str):
            path = str(path)  # an absent value stops the run here; anything else is refused by the target
        return self._desk.request(method, path, given, given.pop("timeout", None), where)


class Conversation:
    """A conversation with the workflow's agent: what was said before goes along with each turn."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.messages: list[Message] = []

    def ask(self, text: str, *, timeout: Wait = None) -> Call[ChatReply]:
        """Say something and get the answer, a ChatReply."""
        where = place()

        def start() -> Coroutine[Any, Any, ChatReply]:
            return self._turn(text, timeout, where)

        call = self._desk.converse("ctx.chat.ask", [], timeout, where)
        call.start = start
        return call

    async def _turn(self, text: str, timeout: Wait, where: Place) -> ChatReply:
        self.messages.append({"role": "user", "content": text})
        reply = await self._desk.converse("ctx.chat.ask", list(self.messages), timeout, where)
        self.messages.append({"role": "assistant", "content": reply.words})
        return reply
