"""What a probe declares: read from YAML with defaults that fit, and answered with the fix where it is wrong."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from probes.checks import RULES
from probes.kinds.chat.spec import ChatSpec
from probes.kinds.http.spec import HttpSpec
from probes.spec import KINDS, Spec, by_kind, keys_of, read

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)

INTAKE = """
every: 5m
steps:
  - name: ask
    ask: "A cleaning on ${date+30d} at 10, please. I am Test ${run_id}"
    budget: 4s
    check: [{json: $.intent, equals: book_appointment}, {value: first_token, below: 1.5s, soft: true}]
    capture: {booking: $.booking_id}
    cleanup: {delete: "/appointments/${booking}"}              # skipped when nothing was captured
  - {name: booked, get: "/appointments/${booking}", check: [{json: $.time, equals: "10:00"}]}
"""
MANY = [
    "{get: /, check: [{contains: Book online}]}",
    INTAKE,
    "{post: /a, json: {a: 1}, capture: {x: $.id}, cleanup: {delete: '/a/${x}'}, check: [{status: 201}]}",
    "{chat: [hi, {ask: there, check: [{icontains: hello}], capture: {n: {regex: '(\\d+)'}}}], attempts: 2}",
    "{ask: 'Hello ${secret:NAME}', confirm: 2 of 3,"
    " check: [{not-contains: error}, {any: [{contains: a}, {regex: '^b'}]}]}",
    "{get: /, cron: '0 9 * * 1-5', timezone: America/New_York,"
    " check: [{status: [200, 3xx]}, {header: x, exists: true}]}",
    "{get: /, timeout: {connect: 2s, total: 20s}, cleanup: 3s,"
    " check: [{json: $.a, between: [1, 5]}, {json: $.b, equals: null}]}",
    "{kind: script, function: f, file: /x.py, every: 5m, secrets: [A], step_names: [one]}",
]


def wrong(written: str) -> list[tuple[tuple[Any, ...], str]]:
    with pytest.raises(ValidationError) as caught:
        read(yaml.safe_load(written))
    return [(error["loc"], error["msg"].removeprefix("Value error, ")) for error in caught.value.errors()]


def test_the_kind_is_plain_from_the_keys() -> None:
    assert [read(yaml.safe_load(written)).kind for written in MANY] == [
        "http", "http", "http", "chat", "chat", "http", "http", "script",
    ]  # fmt: skip
    assert {name: by_kind(name) for name in KINDS}["chat"] is ChatSpec
    with pytest.raises(ValueError, match="did you mean http"):
        by_kind("htp")


@pytest.mark.parametrize("written", MANY)
def test_what_is_read_can_be_written_down_and_read_again(written: str) -> None:
    spec = read(yaml.safe_load(written))
    dumped = spec.model_dump(mode="json", exclude_unset=True, by_alias=True)
    again = read(json.loads(json.dumps(dumped)))
    assert again == spec
    assert again.model_dump(mode="json", exclude_unset=True, by_alias=True) == dumped
    assert (again.every, again.total_timeout, again.idempotent) == (spec.every, spec.total_timeout, spec.idempotent)


@pytest.mark.parametrize(
    ("written", "every", "timeout", "idempotent"),
    [
        ("{get: /, check: [{status: 200}]}", MINUTE, 10 * SECOND, True),
        ("{steps: [{get: /, check: [{status: 200}]}, {get: /b}]}", MINUTE, 30 * SECOND, True),
        ("{post: /, check: [{status: 200}]}", 5 * MINUTE, 30 * SECOND, False),
        ("{ask: hi, check: [{contains: a}]}", 5 * MINUTE, 30 * SECOND, False),
        (
            "{get: /, check: [{status: 200}], every: 10s, timeout: 3s, idempotent: false}",
            10 * SECOND,
            3 * SECOND,
            False,
        ),
        ("{kind: script, function: f}", 5 * MINUTE, 30 * SECOND, False),
    ],
)
def test_defaults_fit_what_the_probe_does(written: str, every: timedelta, timeout: timedelta, idempotent: bool) -> None:
    spec = read(yaml.safe_load(written))
    assert (spec.every, spec.total_timeout, spec.idempotent) == (every, timeout, idempotent)
    assert (spec.attempts, spec.confirm, spec.recover, spec.cleanup) == (3, (1, 1), 2, 10 * SECOND)
    assert (spec.severity, spec.affects, spec.enabled) == ("critical", "down", True)


def test_the_intake_probe_says_what_it_costs_and_needs() -> None:
    spec = read(yaml.safe_load(INTAKE))
    assert [step.name for step in spec.steps] == ["ask", "booked"]
    assert spec.counted() == {"requests": 3.0, "asks": 1.0}
    assert read(yaml.safe_load(MANY[4])).secret_names() == {"NAME"}
    assert read(yaml.safe_load(MANY[7])).secret_names() == {"A"}
    assert read({"post": "/a", "check": [{"status": 201}]}).counted() == {"requests": 1.0, "records": 1.0}


def test_steps_without_a_name_get_one_each() -> None:
    spec = read(
        yaml.safe_load("{steps: [{get: /, check: [{status: 200}]}, {get: /}, {ask: hi}, {name: last, ask: ho}]}")
    )
    assert [step.name for step in spec.steps] == ["get /", "get / 2", "ask", "last"]


WRONG = [
    ("{get: /}", (), "a probe without a check; write check: [{contains: some words}] or check: [{status: 200}]"),
    ("{check: [{contains: x}]}", (), "a step that does nothing; add get: /path, post: /path or ask: ..."),
    ("{get: /, check: [{contans: x}]}", ("check", 0, "contans"), "unknown key 'contans'; did you mean contains?"),
    ("{get: /, check: [{contains: 5}]}", ("check", 0, "contains"), "5 is not text; put it in quotes"),
    ("{get: /, check: [{contains: [a, b]}]}", ("check", 0, "contains"), "write contains-any: or contains-all: with it"),
    (
        "{get: /, check: [{json: $.a}]}",
        ("check", 0),
        "a check without a matcher; add one, such as equals: or contains:",
    ),
    (
        "{get: /, check: [{json: a, equals: 1}]}",
        ("check", 0, "json"),
        "not a JSONPath: it does not begin with $; write $.a",
    ),
    ("{get: /, check: [{json: '$.a[?@.b==\"${x}\"]', equals: 1}]}", ("check", 0, "json"), "a JSONPath holds no ${…}"),
    ("{get: /, check: [{json: $.a, header: b, equals: 1}]}", ("check", 0), "a check has one subject"),
    ("{get: /, check: [{below: 3}]}", ("check", 0), "below needs a number; add value: total or json: $.path"),
    ("{get: /, check: [{value: totl, below: 1s}]}", ("check", 0, "value"), "did you mean total?"),
    ("{get: /, check: [{json: $.a, status: 200}]}", ("check", 0), "status is about the whole reply"),
    ("{get: /, check: [{exists: true}]}", ("check", 0), "exists needs json: or header:"),
    ("{get: /, check: [{json: $.a, exists: 1}]}", ("check", 0, "exists"), "write exists: true or not-exists: true"),
    ("{get: /, check: [{any: []}]}", ("check", 0), "a group without checks"),
    ("{get: /, check: [{any: [{contains: a}], contains: b}]}", ("check", 0), "a group stands alone"),
    ("{get: /, check: [{regex: (a+)+}]}", ("check", 0, "regex"), "a repeat of a repeat"),
    ("{get: /, check: [{json: $.a, between: [1, 2, 3]}]}", ("check", 0, "between"), "write [low, high]"),
    ("{get: /, check: [{finish-reason: stop}]}", (), "finish-reason is what a model says"),
    ("{ask: hi, check: [{status: 200}]}", (), "an ask: judges the status itself"),
    ("{get: home, check: [{contains: x}]}", ("get",), '"home" is no path; write /home'),
    ("{get: /, post: /, check: [{contains: x}]}", (), "get and post in one step; write a step for each"),
    ("{get: /, json: {}, check: [{contains: x}]}", (), "a get has no body"),
    ("{post: /, json: {}, data: {}, check: [{status: 200}]}", (), "json and data are two bodies"),
    ("{ask: hi, json: {}, check: [{contains: x}]}", (), "json belongs to a request"),
    ("{get: '/${x}', check: [{contains: a}]}", ("get",), "nothing is captured as x by then"),
    ("{post: /, json: {a: '${env:X}'}, check: [{status: 200}]}", ("json",), "the environment is not read here"),
    ("{get: '/${date+3x}', check: [{contains: a}]}", ("get",), "write +30d, -1w or +5wd"),
    ("{get: '/${x', check: [{contains: a}]}", ("get",), "a ${ without its }"),
    ("{get: /, capture: {date: $.a}, check: [{contains: a}]}", ("capture",), "date is given already"),
    ("{get: /, capture: {a-b: $.a}, check: [{contains: a}]}", ("capture",), "cannot be a captured name"),
    (
        "{get: /, capture: {a: {json: $.a, header: b}}, check: [{contains: a}]}",
        ("capture", "a"),
        "a capture comes from one place",
    ),
    (
        "{get: /, cleanup: {delete: '/${b}'}, check: [{contains: a}]}",
        ("cleanup", "delete"),
        "nothing is captured as b by then",
    ),
    ("{get: /, cleanup: {params: {}}, check: [{contains: a}]}", ("cleanup", 0), "a clean-up is a request"),
    ("{get: /, cleanup: 10, check: [{contains: a}]}", ("cleanup",), "not a duration; write 10s"),
    ("{steps: [], get: /}", (), "steps without a step"),
    ("{steps: [{get: /, check: [{status: 200}]}], check: [{status: 200}]}", (), "check beside steps"),
    ("{steps: [{get: /}], cleanup: {delete: /}}", (), "a clean-up beside steps"),
    (
        "{steps: [{name: a, get: /, check: [{status: 200}]}, {name: a, get: /}]}",
        ("steps", 1, "name"),
        "two steps are called a",
    ),
    (
        "{steps: [{get: /, check: [{contains: '${late}'}]}, {get: /, capture: {late: $.a}}]}",
        ("steps", 0, "check", 0),
        "nothing is captured as late by then",
    ),
    ("{steps: [{get: /, chek: 1}]}", ("steps", 0, "chek"), "unknown key 'chek'; did you mean check?"),
    ("{steps: [{get: /, capture: {x: {jsn: 4}}}]}", ("steps", 0, "capture", "x", "jsn"), "did you mean json?"),
    ("{chat: [{get: /}]}", ("chat", 0), "a turn of a conversation asks"),
    ("{kind: htp, get: /}", ("kind",), "there is no kind 'htp'; did you mean http?"),
    ("{get: /, every: 5, check: [{contains: x}]}", ("every",), "not a duration; write 5s"),
    ("{get: /, every: 5m, cron: 0 9 * * 1, check: [{contains: x}]}", (), "every and cron are two answers"),
    ("{get: /, cron: daily, check: [{contains: x}]}", ("cron",), "not a cron expression"),
    ("{get: /, timezone: Mars, check: [{contains: x}]}", ("timezone",), "there is no time zone 'Mars'"),
    ("{get: /, confirm: 3 of 2, check: [{contains: x}]}", ("confirm",), "write 2 of 3"),
    ("{get: /, timeout: 2h, check: [{contains: x}]}", (), "timeout is longer than an hour"),
    ("{get: /, timeout: {conect: 2s}, check: [{contains: x}]}", ("timeout", "conect"), "did you mean connect?"),
    ("{get: /, timeout: {idle: 0s}, check: [{contains: x}]}", ("timeout",), "idle leaves no time"),
    ("{get: /, was: Old Name, check: [{contains: x}]}", ("was",), "never was a probe's name"),
]


@pytest.mark.parametrize(("written", "where", "said"), WRONG, ids=[case[0][:60] for case in WRONG])
def test_a_mistake_is_answered_with_its_place_and_the_fix(written: str, where: tuple[Any, ...], said: str) -> None:
    found = wrong(written)
    assert any(loc == where and said in message for loc, message in found), found


def test_the_schema_knows_every_key_and_matcher_with_its_documentation() -> None:
    schema = HttpSpec.model_json_schema()
    check = schema["$defs"]["Check"]["properties"]
    for rule in RULES.values():
        assert check[rule.name]["description"] == rule.doc
        assert check[f"not-{rule.name}"]["description"] == f"Not: {rule.doc}"
    assert {"json", "header", "value", "soft", "any", "all"} <= set(check)
    assert {"get", "steps", "every", "check", "capture", "cleanup"} <= set(schema["properties"])
    for model, numbers in ((HttpSpec, (0, 1, 2, 5, 6)), (ChatSpec, (3, 4))):
        for number in numbers:
            jsonschema.validate(yaml.safe_load(MANY[number]), model.model_json_schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"get": "/", "check": [{"contains": 5}]}, schema)


def test_the_keys_of_a_probe_are_those_of_its_kind() -> None:
    assert {"get", "steps", "every"} <= set(keys_of({"get": "/"})) and "chat" not in keys_of({"get": "/"})
    assert "chat" in keys_of({"ask": "hi"}) and "steps" not in keys_of({"ask": "hi"})
    assert "json" in keys_of({"post": "/"}) and "own_cleanup" not in keys_of({"post": "/"})
    assert set(keys_of({"kind": "nothing"})) == set(Spec.model_fields)


scalars = st.none() | st.booleans() | st.integers(-5, 5) | st.text(alphabet="ab$./{}", max_size=6)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["get", "json", "x"]), inner, max_size=2)
    ),
)
KEYS = [
    "get",
    "post",
    "ask",
    "steps",
    "chat",
    "check",
    "capture",
    "cleanup",
    "timeout",
    "budget",
    "every",
    "json",
    "kind",
]


@given(st.dictionaries(st.sampled_from(KEYS), values, max_size=4))
def test_whatever_is_written_is_read_or_answered(written: dict[str, Any]) -> None:
    try:
        spec = read(written)
    except ValidationError as error:
        assert error.errors()
    else:
        assert spec.steps
