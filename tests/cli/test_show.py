"""What commands draw: within 80 columns, whole without colour, and harmless whatever a target wrote."""

from __future__ import annotations

import io
import json
import unicodedata
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from monitor.cli import show
from monitor.cli.paper import plain
from monitor.cli.waterfall import BAR, Shown, draw, draw_bar, of_reply
from probes.frames import Reply

NASTY = "\x1b[31m\x07[bold red]x[/]\u202e :smile: \x9b2J\r"
AT = "2026-11-23T03:00:00+00:00"


def harmless(drawn: str) -> bool:
    return all(mark == "\n" or unicodedata.category(mark) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for mark in drawn)


def narrow(drawn: str) -> bool:
    return max((cell_len(line) for line in drawn.splitlines()), default=0) <= 80


def step(name: str, **more: Any) -> dict[str, Any]:
    plain_step = {"name": name, "at": 0, "took": 2_310_000, "budget": 4_000_000, "ok": True, "reached": True}
    return {**plain_step, "requests": [], "checks": [], "captured": {}, **more}


def evidence(text: str = "22:00") -> dict[str, Any]:
    request = {
        "method": "POST",
        "url": f"https://x.example/chat/{text}",
        "status": 200,
        "phases": {"dns": 2_000, "connect": 11_000, "tls": 24_000, "first_byte": 1_920_000, "first_token": 2_040_000},
        "response": text,
    }
    good = {"name": "status", "ok": True, "soft": False, "says": "status is 200"}
    bad = {"name": "equals", "ok": False, "soft": False, "says": f'$.time should equal "10:00", got "{text}"'}
    soft = {"name": "below", "ok": False, "soft": True, "says": "first_token should be below 1.5 s"}
    booked = step("booked", at=2_400_000, took=1_410_000, budget=1_000_000, ok=False, checks=[bad, soft])
    clean_up = {"name": "delete", "at": 3_800_000, "took": 120_000, "ok": False, "skipped": "", "trouble": text}
    return {
        "steps": [step("ask", requests=[request], checks=[good] * 6), booked, step("never", reached=False)],
        "cleanups": [{**clean_up, "requests": []}],
        "notes": [f"a note {text}"],
    }


def shown(text: str = "22:00", **more: Any) -> Shown:
    usual = {"took": 3_840_000, "limit": 20_000_000, "evidence": evidence(text), "last": "evidence: run 01JD"}
    return Shown("books", "intake", "production", "down", "wrong", f"it is {text}", **{**usual, **more})


def test_a_failed_run_tells_its_whole_story() -> None:
    lines = draw(shown())
    assert lines[0] == "books · intake · production".ljust(80 - 21) + "wrong  3.84 s of 20 s"
    assert lines[1].startswith("  ask       POST /chat/22:00            ███████████▊ ")
    assert lines[1].endswith(" 2.31 s / 4 s   ok")
    assert lines[2].strip() == "dns 2 · connect 11 · tls 24 · first byte 1.92 s · first word 2.04 s"
    assert lines[3].strip() == "✓ status is 200   ✓ status is 200   ✓ status is 200"
    story = "\n".join(lines)
    assert "1.41 s / 1 s   late" in story
    assert '✗ $.time should equal "10:00", got "22:00"' in story
    assert "first_token should be below 1.5 s (soft: it only degrades)" in story
    assert "  never     not reached" in lines
    assert "wrong: the workflow answered, and the answer was not right. Blame: the workflow." in lines
    assert lines[-1] == "evidence: run 01JD"


def test_our_own_fault_is_not_blamed_on_the_workflow() -> None:
    lines = draw(Shown("p", "w", "e", "unknown", "probe_bug", "line 3: a check without a matcher", 0))
    assert lines[1] == "line 3: a check without a matcher"
    assert "not the workflow" in " ".join(lines[2:])


def test_a_refused_key_is_blamed_as_the_daemon_blames_it() -> None:
    refused = Reply(1, "down", "auth", "calendar says that key 1 is not known", witness="key")
    ours = draw(of_reply(refused, "w/e/p", partner="calendar"))
    assert ours[-1] == "auth: access was refused. Blame: the workflow."
    theirs = draw(of_reply(replace(refused, witness="keys"), "w/e/p", partner="calendar"))
    assert theirs[-1] == "auth: access was refused. Blame: the partner calendar."


@given(st.text(max_size=300), st.integers(0, 10**9))
def test_whatever_a_target_wrote_a_drawing_stays_in_its_columns(text: str, took: int) -> None:
    lines = draw(shown(text + NASTY, took=took))
    assert all(cell_len(line) <= 80 for line in lines)
    assert harmless("\n".join(lines))


@given(st.integers(0, 10**10), st.integers(0, 10**10), st.integers(1, 10**10))
def test_a_bar_is_never_nothing_and_always_as_wide(start: int, length: int, end: int) -> None:
    bar = draw_bar(start, length, end)
    assert len(bar) == BAR
    assert bar.strip()


def status_of(text: str = "", **more: Any) -> dict[str, Any]:
    last = {"failure": f"wrong{text}", "state": "down"}
    found = {
        "at": "2026-11-23T03:10:00+00:00",
        "workflows": [
            {
                "workflow": f"intake{text}",
                "environment": "production",
                "state": "down",
                "since": AT,
                "24h": {"uptime": 99.305, "coverage": 100.0},
                "30d": {"uptime": None, "coverage": 3.2},
                "probes": [{"name": f"books{text}", "last": last}],
                "not_yet": ["home"],
            }
        ],
        "incidents": [
            {
                "public_id": "7K",
                "headline": f"Intake answers wrongly{text}",
                "began": AT,
                "acked_by": "",
                "next_at": AT,
                "next_on_call": f"Ben{text}",
            }
        ],
        "on_call": {"front": {"name": f"Ana{text}", "until": AT, "next": "Ben"}},
        "undelivered": [{"channel": "ntfy", "to": "Ana", "purpose": "page", "error": f"no route{text}", "since": AT}],
        "later": [{"channel": "ntfy", "to": "Bo", "purpose": "page", "error": "", "since": AT, "at": AT}],
        "published": {"at": 1_795_000_000_000_000, "trouble": f"rsync: 12{text}", "to": []},
        "phone_tests": {"ana": AT},
        "health": [f"the engine does not beat{text}"],
        "config": {"trouble": f"showup.yaml:1:1: no{text}", "warnings": [f"careful{text}"]},
        "paused": [f"intake/production/home{text}"],
        "lateness_ms": {"p50": 1.0, "p99": 2.0, "max": 3.0, "starts": 10},
        "dead_man": {"configured": True},
    }
    return {**found, **more}


def test_status_is_one_screen_with_all_that_matters(capsys: pytest.CaptureFixture[str]) -> None:
    show.status(status_of())
    drawn = capsys.readouterr().out
    for part in (
        "1 of 1 workflow is not well.",
        "✗ Intake answers wrongly",
        "10 min ago); nobody has answered",
        "next: Ben at ",
        "99.305 %",
        "failing in intake: books (wrong)",
        "not run yet in intake: home",
        "on call      front: Ana until",
        "next Ben",
        "phone test   ana 10 min ago",
        "undelivered  1",
        "no route",
        "waits        page to Bo by ntfy until ",
        "the last try failed: rsync: 12",
        "dead man     configured, not pinged yet",
        "next expiry  none known",
        "paused       intake/production/home",
        "health       the engine does not beat",
        "config       NOT TAKEN OVER",
        "warning      careful",
    ):
        assert part in drawn
    assert narrow(drawn)
    assert len(drawn.splitlines()) <= 30


def test_the_certificates_that_end_next_are_named_with_a_word_when_it_is_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    ends = [("gone.example", "2026-11-20T12:00:00+00:00", -3), ("near.example", "2026-11-24T12:00:00+00:00", 1)]
    ends += [("far.example", "2026-12-23T12:00:00+00:00", 30), ("later.example", "2027-03-23T12:00:00+00:00", 120)]
    listed = [{"host": host, "expires": at, "days_left": left} for host, at, left in ends]
    show.status(status_of(certificates=listed))
    drawn = " ".join(capsys.readouterr().out.split())
    said = "gone.example EXPIRED on 2026-11-20; near.example 2026-11-24, 1 day left, soon;"
    assert f"next expiry {said} far.example 2026-12-23, 30 days left paused" in drawn


def test_a_figure_that_too_little_was_watched_for_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    thin = status_of()["workflows"][0] | {"24h": {"uptime": 99.305, "coverage": 12.0, "enough": False}}
    show.status(status_of(workflows=[thin]))
    assert "99.305" not in capsys.readouterr().out


def test_a_quiet_status_says_so_honestly(capsys: pytest.CaptureFixture[str]) -> None:
    well = status_of()["workflows"][0] | {"state": "up", "probes": [], "not_yet": []}
    quiet: dict[str, Any] = dict.fromkeys(("incidents", "undelivered", "health", "paused"), ())
    show.status(status_of(workflows=[well], published=None, phone_tests={}, dead_man={}, config={}, **quiet))
    drawn = capsys.readouterr().out
    for part in ("All is well.", "undelivered  none", "published    never", "paused       nothing", "all parts move"):
        assert part in drawn
    assert "phone test   never; write showup notify PERSON --test" in drawn
    assert "dead man     none; write" in drawn


def test_an_open_incident_is_never_all_well(capsys: pytest.CaptureFixture[str]) -> None:
    recovering = status_of()["workflows"][0] | {"state": "maintenance"}
    show.status(status_of(workflows=[recovering]))
    assert capsys.readouterr().out.startswith("1 incident open.")


def test_a_status_of_which_nothing_is_known_does_not_say_well(capsys: pytest.CaptureFixture[str]) -> None:
    blind = status_of()["workflows"][0] | {"state": "unknown"}
    show.status(status_of(workflows=[blind], incidents=[]))
    assert capsys.readouterr().out.startswith("Nothing is known at the moment.")


INCIDENT = {
    "public_id": "7K",
    "state": "triggered",
    "severity": "critical",
    "headline": f"Intake answers wrongly {NASTY}",
    "sentence": NASTY,
    "blame": "workflow",
    "suspected": True,
    "sure": "3 of 3 runs",
    "began": AT,
    "opened": AT,
    "paged_at": AT,
    "members": [NASTY],
    "on_call": "Ana",
    "runbook_lines": [NASTY],
    "nobody_reached": True,
    "events": [{"at": AT, "kind": "opened", "text": f"opened {NASTY}", "by": NASTY}],
}
RUN = {"id": "AB", "probe": f"intake/production/books{NASTY}", "started": AT, "took_ms": 3840.0, "state": "down"}
DRAWN: dict[str, Any] = {
    "status": status_of(NASTY),
    "runs": [RUN | {"failure": NASTY, "attempts": 3}],
    "run": RUN
    | {"failure": "wrong", "attempts": 1, "evidence": [{"attempt": 1, "failure": "wrong", **evidence(NASTY)}]},
    "incidents": [INCIDENT],
    "incident": INCIDENT,
    "explain": {
        "workflow": f"intake{NASTY}",
        "first_run": AT,
        "window": [AT, AT],
        "figures": {"uptime": 99.1, "coverage": 100.0, "at_least": 99.0, "enough": False},
        "seconds": {"up": 86_000.0, "down": 400.0},
        "rows": [{"start": AT, "end": AT, "seconds": 60.0, "state": "down", "because": [NASTY]}],
        "corrections": [
            {"start": AT, "end": AT, "state": "up", "probes": [NASTY], "reason": NASTY, "author": NASTY, "made": AT},
        ],
        "runs": 10,
        "passed_first_try": 9,
        "as_of": AT,
    },
    "notify": [{"channel": "ntfy", "state": "failed", "seconds": None, "receipt": NASTY, "error": NASTY, "tries": 1}],
    "answer": {"accepted": True, "text": NASTY},
    "correct": {"workflow": "intake", "state": "up", "from": AT, "until": AT, "probes": ["a"], "reason": NASTY},
    "pause": {"paused": [NASTY]},
    "publish": {"files": 4, "changed": 1, "folder": "public", "trouble": NASTY},
}


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_every_drawing_keeps_its_columns_and_disarms_what_is_hostile(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    getattr(show, name)(DRAWN[name])
    drawn = capsys.readouterr().out
    assert drawn.strip()
    assert narrow(drawn)
    assert harmless(drawn)
    assert "[boldred]x[/]" in "".join(drawn.split())  # shown as it stands, not obeyed


def test_what_was_done_is_said_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    show.pause({"paused": []})
    show.pause({"paused": ["intake/production/home"]})
    show.reload({"taken": True, "trouble": ""})
    show.publish({"files": 4, "changed": 1, "folder": "public", "trouble": ""})
    assert capsys.readouterr().out.splitlines() == [
        "Nothing is paused.",
        "Paused, and unknown meanwhile: intake/production/home.",
        "The new configuration is in force.",
        "Made 4 files, 1 of them changed, in public.",
    ]


def test_a_configuration_that_is_not_taken_over_has_a_line_for_each_problem(capsys: pytest.CaptureFixture[str]) -> None:
    problems = [f"showup.yaml:{line}:1: unknown key 'sight'; did you mean site? {'x' * 60}" for line in (1, 2)]
    show.reload({"taken": False, "trouble": "\n".join(problems) + NASTY})
    drawn = capsys.readouterr().out
    assert drawn.splitlines()[:2] == ["Not taken over, the old configuration stays in force:", problems[0]]
    assert harmless(drawn)


def test_what_does_not_fit_goes_on_under_its_beginning(capsys: pytest.CaptureFixture[str]) -> None:
    show.incident(INCIDENT | {"events": [{"at": AT, "kind": "opened", "text": "word " * 20, "by": "word"}]})
    first, second = capsys.readouterr().out.splitlines()[-2:]
    assert first.index("word") == second.index("word") > 20


@pytest.mark.parametrize("name", ["runs", "incidents"])
def test_nothing_is_said_to_be_nothing(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    getattr(show, name)([])
    assert "no " in capsys.readouterr().out


def test_json_is_ascii_so_that_it_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show.as_json({"text": NASTY})
    printed = capsys.readouterr().out
    assert printed.isascii() and "\x1b" not in printed
    assert json.loads(printed) == {"text": NASTY}


def test_watching_asks_again_until_it_is_stopped(capsys: pytest.CaptureFixture[str]) -> None:
    asked = []

    def sleep(seconds: float) -> None:
        asked.append(seconds)
        if len(asked) == 2:
            raise KeyboardInterrupt

    show.watch_status(status_of, sleep=sleep)
    assert asked == [2.0, 2.0]
    assert capsys.readouterr().out.count("1 of 1 workflow is not well.") == 2


@given(st.text())
def test_plain_text_is_one_harmless_line(text: str) -> None:
    assert harmless(plain(text)) and "\n" not in plain(text)


def test_a_terminal_without_colour_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    from monitor.cli.paper import paper

    out = io.StringIO()
    paper(out).print("[red]x[/]", style="red")
    assert out.getvalue() == "[red]x[/]\n"
