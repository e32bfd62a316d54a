"""How a workflow is talked to, as it is written: at an endpoint of its own, or as a model in a known dialect."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field, field_validator, model_validator

from monitor.config.forms import Headers, Words
from probes.checks.written import checked_path
from probes.kinds.asking import AnswerSchema, Tools
from probes.words.dialects import DIALECT_NAMES, DialectName
from probes.words.section import Section

_OWN = {
    "model": "model", "messages": "ask", "input": "ask", "stream": "stream", "system": "system",
    "instructions": "system", "tools": "tools", "response_format": "schema", "max_tokens": "max_tokens",
    "max_completion_tokens": "max_tokens", "max_output_tokens": "max_tokens", "num_predict": "max_tokens",
}  # fmt: skip


def _options(value: dict[str, Any]) -> dict[str, Any]:
    for name, key in _OWN.items():
        if value.get(name) is not None:
            where = "in a probe" if key == "ask" else "beside options:, which is put as each dialect has it"
            raise ValueError(f"{name} is no option; write {key}: {where}")
    return value


Options = Annotated[dict[str, Any], AfterValidator(_options)]
_OF_MODELS = ("model", "path", "system", "max_tokens", "stream", "tools", "answer_schema", "options", "fallback",
              "known_as", "needs_end")  # fmt: skip


class ChatSection(Section):
    """How the workflow is talked to: its own endpoint (`post`, `send`, `reply`) or a known `dialect`."""

    dialect: DialectName | None = Field(
        default=None, description="The protocol it speaks, instead of post, send and reply."
    )
    model: str | None = Field(default=None, description="The model to ask for.")
    path: str | None = Field(default=None, description="Where a dialect is spoken, if not at its usual path.")
    post: str | None = Field(default=None, description="The path of its own endpoint.")
    send: Any = Field(default=None, description="The JSON body that is posted; ${ask} is the question.")
    reply: str | None = Field(default=None, description="The JSONPath of the reply in the answer.")
    calls: str | None = Field(
        default=None, description="The JSONPath of the tool calls in the answer, where its own endpoint tells of them."
    )
    headers: Headers = Field(default_factory=dict, description="Headers of these requests alone.")
    system: str | None = Field(default=None, description="A system message before the question.")
    max_tokens: int | None = Field(default=None, ge=1, description="The longest answer to ask for.")
    stream: bool | None = Field(default=None, description="Whether the answer comes in pieces.")
    tools: Tools | None = Field(
        default=None,
        description="Tools the model may call, by name: {book: {description: …, parameters: {day: string}}}.",
    )
    answer_schema: AnswerSchema | None = Field(
        default=None, alias="schema", description="The JSON Schema that every answer has to have."
    )
    options: Options | None = Field(
        default=None, description="What else goes with a question, as the provider calls it: {temperature: 0, seed: 7}."
    )
    fallback: Words = Field(
        default=(), description="Models that stand in for it; where one of them answers, it is degraded."
    )
    known_as: Words = Field(default=(), description="Other names by which the same model says it answered.")
    needs_end: bool = Field(
        default=True, description="False where a server never sends the mark that ends a stream, such as [DONE]."
    )

    @field_validator("reply", "calls")
    @classmethod
    def _path(cls, path: str | None) -> str | None:
        return path if path is None else checked_path(path)

    @model_validator(mode="after")
    def _is_one(self) -> ChatSection:
        if (self.post is None) == (self.dialect is None):
            raise ValueError(
                "chat needs one of these; write post: /chat with send: and reply:, or dialect: "
                + ", ".join(DIALECT_NAMES)
            )
        if self.post is not None and self.send is None:
            raise ValueError('chat does not say what is posted; write send: {message: "${ask}"}')
        if self.calls is not None and self.post is None:
            raise ValueError("calls is for an endpoint of its own; a dialect says itself which tools were called")
        for name in _OF_MODELS if self.post is not None else ():
            if name in self.model_fields_set and getattr(self, name) not in (None, ()):
                key = name.removeprefix("answer_")
                raise ValueError(f"{key} is for a dialect; the endpoint at {self.post} gets what send: says")
        if self.post is not None and not _asks(self.send):
            raise ValueError("send never says what is asked; write ${ask} where the question belongs")
        return self


def _asks(body: Any) -> bool:
    """True when the question, or the whole conversation, stands somewhere in a body."""
    if isinstance(body, str):
        return "${ask}" in body or "${messages}" in body
    parts = body.values() if isinstance(body, dict) else body if isinstance(body, list | tuple) else ()
    return any(map(_asks, parts))
