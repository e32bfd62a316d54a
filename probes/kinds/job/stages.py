"""The stages of a job, as they are written: where a side effect shows, until when, and what it has to be."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from probes.checks.document import Least
from probes.checks.rules import Rules, misnamed
from probes.checks.written import checked_path
from probes.forms import Also
from probes.kinds.files import Fixed
from probes.kinds.filling import needs
from probes.kinds.steps import Captures, Checks, CleanUps, Kin, Limit, Path, Problem, Sending, Text
from probes.words.secret import REFERENCE
from probes.words.units import Duration

PLACES = ("poll", "webhook", "mail", "row", "object", "folder")


def _secret(text: str) -> str:
    if not REFERENCE.fullmatch(text):
        raise ValueError("a secret never stands in the file; write ${secret:NAME}")
    return text


def _address(text: str) -> str:
    from probes.tools.rows import checked, password_of

    if "${" not in text:
        checked(text)
        if password_of(text):
            raise ValueError("the address holds a password; write ${secret:NAME} for the whole of it")
    return text


def _query(text: str) -> str:
    from probes.tools.rows import named

    if "${" in text:
        raise ValueError("values are bound and never written into a query; write :marker or :name for a captured one")
    named(text)
    return text


def _server(text: str) -> str:
    from probes.tools.mail import Box

    if "${" not in text:
        try:
            _ = Box(text, "", "").place
        except ValueError as error:
            raise ValueError(f"not an inbox; {error}") from None
    return text


Secret = Annotated[str, AfterValidator(_secret)]


class Poll(Sending):
    """A request that is made again and again."""

    get: Path | None = Field(None, description="The path to GET.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if not self.verb:
            raise ValueError('a poll is a request; write {get: "/invoices/${id}"}')
        self._sendable()
        return self


class MailSection(Kin):
    """An inbox over IMAP, always with TLS; nothing in it is marked as read."""

    server: Annotated[Fixed, AfterValidator(_server)] = Field(
        description="imaps://HOST, or imap://HOST, which begins with STARTTLS."
    )
    user: Fixed = Field(description="Who logs in.")
    password: Secret = Field(description="Their password, a reference.")
    folder: Fixed = Field("INBOX", description="Where the mail comes in.")
    text: Text | None = Field(None, description="What the mail holds, if not the marker.")
    delete: bool = Field(False, description="True deletes the mail that was found, and no other.")
    ca_file: Fixed = Field("", description="Authorities to trust besides the system's.")


class RowSection(Kin):
    """Rows of a database. Values are bound, the transaction only reads."""

    database: Annotated[Fixed, AfterValidator(_address)] = Field(
        description="sqlite:////path/file.db, postgresql://user@host/name, or a reference to one with its password."
    )
    query: Annotated[str, AfterValidator(_query)] = Field(
        description="One SELECT; :marker, :run_id and :name of a captured value are bound."
    )


class BucketSection(Kin):
    """A bucket over the S3 protocol."""

    bucket: Fixed = Field(description="Its name.")
    endpoint: Fixed | None = Field(None, description="Its server, where it is not AWS: https://minio.example.com.")
    region: Fixed = Field("us-east-1", description="Its region.")
    key: Fixed = Field(description="The id of an access key.")
    secret: Secret = Field(description="The key's secret, a reference.")
    token: Secret | None = Field(None, description="The session token of a temporary key, a reference.")
    ca_file: Fixed = Field("", description="Authorities to trust besides the system's.")


class ObjectSection(BucketSection):
    """An object in a bucket."""

    prefix: Text = Field("", description="Where to look: the beginning of its key.")
    name: Text | None = Field(None, description="A pattern for the rest of its key, else *${marker}*.")


class FolderSection(Kin):
    """A file in a folder of showup's machine."""

    path: Fixed = Field(description="The folder, from the configuration's on.")
    name: Text | None = Field(None, description="A pattern for the file's name, else *${marker}*.")


class FieldsSection(Rules):
    """What was extracted, field by field."""

    expected: dict[str, Any] | None = Field(None, description="The right values.")
    file: Fixed | None = Field(None, description="A JSON or YAML file with them, from the configuration's folder on.")
    at: str = Field("$", description="Where the document stands in what was seen.")
    at_least: Least = Field(1.0, alias="at-least", description="The share of fields that have to be right.")

    @field_validator("at")
    @classmethod
    def _where(cls, path: str) -> str:
        return checked_path(path)

    @field_validator("expected")
    @classmethod
    def _filled(cls, value: Any) -> Any:
        needs(value)
        return value

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.expected is None) == (self.file is None):
            raise ValueError("fields are compared with one thing; write expected: {total: 119.00} or file: right.json")
        rules = Rules(**{name: getattr(self, name) for name in Rules.model_fields})
        if self.expected is not None and (wrong := next(misnamed([self.expected], rules), "")):
            raise ValueError(wrong)
        return self

    def wanted(self, expected: Any) -> dict[str, Any]:
        """What `field-accuracy` is given."""
        rules = self.model_dump(mode="json", exclude_unset=True, by_alias=True, exclude={"expected", "file", "at"})
        return {**rules, "expected": expected}


def _folder(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


class Stage(Kin):
    """One side effect that has to show within its time."""

    name: str | None = Field(None, min_length=1, max_length=60, description="What this stage is called.")
    within: Duration = Field(description="Its deadline, counted from the end of the stage before.")
    every: Duration | None = Field(None, description="Between two looks; else longer and longer, from 0.5s to 15s.")
    poll: Poll | None = Field(None, description="A request that is made until its reply fits.")
    webhook: bool | None = Field(None, description="True waits for a webhook at ${hook}.")
    mail: MailSection | None = Field(None, description="A mail that holds the marker.")
    row: RowSection | None = Field(None, description="At least one row that a query finds.")
    object: ObjectSection | None = Field(None, description="An object in a bucket.")
    folder: Annotated[FolderSection, BeforeValidator(_folder), Also({"type": "string"})] | None = Field(
        None, description="A file in a folder."
    )
    until: Checks = Field((), description="What has to hold for it to be seen; until then it is looked for again.")
    check: Checks = Field((), description="What has to hold once it was seen.")
    fields: FieldsSection | None = Field(None, description="Extracted fields, compared with the right ones.")
    capture: Captures | None = Field(None, description="Values to keep for later stages: {name: $.path}.")
    budget: Limit | None = Field(None, description="How long it should take; more is slow.")
    cleanup: CleanUps = Field((), description="Requests that put things back; last in, first out, whatever happened.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        there = [place for place in PLACES if getattr(self, place) not in (None, False)]
        if len(there) != 1:
            said = f"{' and '.join(there)} in one stage" if there else "a stage that looks nowhere"
            raise ValueError(f"{said}; write one of {', '.join(PLACES)}")
        if self.within <= timedelta(0):
            raise ValueError("within leaves no time; write 2m")
        if self.every is not None and self.every < timedelta(milliseconds=100):
            raise ValueError("every is too short; write 1s")
        if self.poll is not None and not self.until:
            hint = "write until: [{json: $.state, equals: done}]"
            raise ValueError(f"a poll without until: would take the first reply; {hint}")
        return self

    @property
    def place(self) -> str:
        """Where it looks: one of PLACES."""
        return next(place for place in PLACES if getattr(self, place) not in (None, False))

    @property
    def label(self) -> str:
        """Its name when it has none of its own."""
        return f"{self.poll.verb} {self.poll.path}"[:60] if self.poll is not None else self.place

    def holes(self) -> Iterator[Problem]:
        """(where, captured name) of all that it looks for."""
        written = getattr(self, self.place)
        if self.poll is not None:
            yield from (((self.place, *where), name) for where, name in self.poll.holes())
        elif self.row is not None:
            from probes.tools.rows import named

            bound = named(self.row.query) - {"marker", "run_id"}
            yield from ((("row", "query"), name) for name in sorted(bound))
            yield from ((("row", "database"), name) for name in sorted(needs(self.row.database)))
        elif isinstance(written, Kin):
            texts = written.model_dump(exclude_unset=True, by_alias=True)
            yield from (((self.place,), name) for name in sorted(needs(texts)))

    def check_holes(self) -> Iterator[Problem]:
        """(where, captured name) of what it checks."""
        for key in ("until", "check"):
            for number, check in enumerate(getattr(self, key)):
                written = check.model_dump(exclude_unset=True, by_alias=True)
                yield from (((key, number), name) for name in sorted(needs(written)))
        if self.fields is not None:
            yield from ((("fields", "expected"), name) for name in sorted(needs(self.fields.expected)))
