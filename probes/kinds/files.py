"""Files that go with a request: as they are written, and as they are read when the request is made."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from probes.forms import Also
from probes.kinds.filling import Template, fill, fillable, needs, parse
from probes.records import NotCaptured
from probes.words.errors import ProbeBug
from probes.words.section import Section


def _filled(value: str) -> str:
    needs(value)  # says what is wrong with a ${…}
    return value


Text = Annotated[str, AfterValidator(_filled)]


def _fixed(value: str) -> str:
    if names := sorted(needs(value)):
        said = f"${{{names[0]}}} is captured, and no answer may say where showup looks"
        raise ValueError(f"{said}; write it out, or take ${{marker}}, ${{date}} or ${{secret:NAME}}")
    return value


Fixed = Annotated[str, AfterValidator(_fixed)]
"""A text that says where to go or what to read on this machine: nothing that came from a target stands in it."""


class FileSection(Section):
    """A file that goes with a request."""

    model_config = ConfigDict(populate_by_name=False, validate_default=False)

    path: Fixed = Field(description="Where it is, from the configuration's folder on.")
    field: Text = Field("file", description="The field of the form it stands in.")
    name: Text | None = Field(None, description="What it is called there, if not by its own name.")
    type: str | None = Field(None, description="Its media type, if its name does not tell.")
    fill: bool = Field(False, description="True fills in what is written ${…} in it: for text.")


def _listed(value: Any) -> Any:
    value = value if isinstance(value, list | tuple) else [value]
    return [{"path": part} if isinstance(part, str) else part for part in value]


Files = Annotated[tuple[FileSection, ...], BeforeValidator(_listed), Also({"type": "string"})]


@dataclass(frozen=True, slots=True)
class Attached:
    """A file made ready: what has holes is a function of the Context."""

    path: Any
    field: Any
    name: Any
    kind: str
    fill: bool

    async def read(self, ctx: Any) -> tuple[str, str, bytes, str]:
        """(field, name, content, type) in this attempt."""
        path = str(fill(self.path, ctx))
        content = await ctx.read(path)
        name = str(fill(self.name, ctx)) if self.name is not None else PurePath(path).name
        kind = self.kind or mimetypes.guess_type(name)[0] or "application/octet-stream"
        return str(fill(self.field, ctx)), name, filled(content, path, ctx) if self.fill else content, kind


def attached(files: Iterable[FileSection]) -> tuple[Attached, ...]:
    """Files made ready."""
    return tuple(
        Attached(fillable(each.path), fillable(each.field), fillable(each.name), each.type or "", each.fill)
        for each in files
    )


def filled(content: bytes, path: str, ctx: Any) -> bytes:
    """A text with its holes filled; raises ProbeBug for what is no text, and for what it cannot be filled with."""
    try:
        template: Template | None = parse(content.decode())
        return template.text(ctx).encode() if template is not None else content
    except UnicodeDecodeError:
        raise ProbeBug(f"{path} is no text", hint="leave out fill: true") from None
    except NotCaptured as missing:
        raise ProbeBug(f"{path} cannot be filled: {missing}", hint="capture it in an earlier step") from None
    except ValueError as error:
        what, _, hint = str(error).partition("; ")
        raise ProbeBug(f"{path} cannot be filled: {what}", hint=hint) from None
