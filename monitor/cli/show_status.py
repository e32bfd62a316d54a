"""`showup status`: one screen."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from monitor.cli.paper import ago, at, count, paper, percent, plain, row, table, took

if TYPE_CHECKING:
    from rich.console import Console

Found = Mapping[str, Any]
MANY = 8  # of one kind; a screen has an end
ENDING = 3  # certificates, the soonest
SOON = 30  # days before which a certificate should have been renewed


def status(found: Found) -> None:
    """What is wrong since when, who is on call, what was not delivered, and how showup itself is."""
    out, now = paper(), found.get("at")
    out.print(_headline(found), style="bold")
    for one in (found.get("incidents") or [])[:MANY]:
        _incident(out, one, now)
    _workflows(out, found)
    _providers(out, found)
    _people(out, found, now)
    _itself(out, found)


def _headline(found: Found) -> str:
    places = found.get("workflows") or []
    bad = [one for one in places if one["state"] in ("down", "degraded")]
    blind = [one for one in places if one["state"] == "unknown"]
    if not places:
        return "No workflow is watched."
    if not found.get("running", True):  # a command looked into the record itself
        return "showup is not running, so nothing is watched. What it knew last:"
    if bad:
        what = f"{len(bad)} of {count(len(places), 'workflow')} {'is' if len(bad) == 1 else 'are'} not well."
    elif len(blind) == len(places):
        return "Nothing is known at the moment."
    elif found.get("incidents"):
        what = f"{count(len(found['incidents']), 'incident')} open."
    else:
        what = "All is well." if not blind else f"{len(places) - len(blind)} of {len(places)} workflows are well."
    return what + (f" Of {len(blind)} nothing is known at the moment." if blind else "")


def _incident(out: Console, one: Found, now: Any) -> None:
    acked = f"answered by {plain(one['acked_by'], 40)}" if one.get("acked_by") else "nobody has answered"
    acked = f"left to {plain(one['left_to'], 80)}" if one.get("left_to") else acked
    since = f"since {at(one.get('began'))} ({ago(one.get('began'), now)})"
    out.print(f"✗ {plain(one.get('headline') or one.get('title'))}")
    out.print(f"  {plain(one['public_id'])} {since}; {acked}")
    if one.get("state") == "triggered" and one.get("on_call"):
        out.print(f"  told now: {plain(one['on_call'])}")
    if one.get("nobody_reached"):
        out.print("  NOBODY WAS REACHED")
    elif one.get("next_at"):
        out.print(f"  next: {plain(one.get('next_on_call')) or 'the next level'} at {at(one['next_at'])}")


def _workflows(out: Console, found: Found) -> None:
    made = table("workflow", "state", "since", "24 h", "30 d", "watched", right=(2, 3, 4, 5))
    for one in found.get("workflows") or ():
        name = _named(one)
        day, month = one.get("24h") or {}, one.get("30d") or {}
        figures = (_uptime(day), _uptime(month), percent(month.get("coverage")))
        since = at(one.get("since")) if one.get("since") else "–"
        row(made, name, one["state"], since[5:16] or since, *figures)
    if made.row_count:
        out.print(made)
    for one in found.get("workflows") or ():
        failing, unknown = list[str](), list[str]()
        for probe in one.get("probes") or ():
            last = probe.get("last") or {}
            if last.get("failure"):
                listed = unknown if last.get("state") == "unknown" else failing
                listed.append(f"{plain(probe['name'])} ({plain(last['failure'])})")
        where = plain(_named(one))
        if failing:
            out.print(f"failing in {where}: {', '.join(failing[:MANY])}")
        if unknown:
            out.print(f"not known in {where}: {', '.join(unknown[:MANY])}")
        if one.get("not_yet"):
            out.print(f"not run yet in {where}: {_some(one['not_yet'])}")


def _providers(out: Console, found: Found) -> None:
    """What our own canaries see of the providers, and what these say of themselves."""
    for one in (found.get("providers") or ())[:MANY]:
        since = f" since {at(one['since'])[5:16]}" if one.get("since") else ""
        why = f": {one['sentence']}" if one.get("sentence") and one.get("state") != "up" else ""
        _line(out, "provider", f"{one['title']} {one['state']}{since}{why}")
        if one.get("says"):
            _line(out, "", str(one["says"].get("text")))


def _named(one: Found) -> str:
    """A workflow; production goes without saying."""
    return str(one["workflow"]) if one["environment"] == "production" else f"{one['workflow']}/{one['environment']}"


def _uptime(figures: Found) -> str:
    """The percentage, where enough was watched for one."""
    return percent(figures.get("uptime") if figures.get("enough", True) else None)


def _people(out: Console, found: Found, now: Any) -> None:
    for rotation, duty in (found.get("on_call") or {}).items():
        until = f" until {at(duty['until'])[:16]}" if duty.get("until") else ""
        old = f" ({duty['reason']})" if "since then:" in str(duty.get("reason")) else ""
        _line(out, "on call", f"{rotation}: {duty.get('name')}{until}, next {duty.get('next')}{old}")
    if not found.get("on_call"):
        _line(out, "on call", "no rotation; policies name people directly")
    tests = found.get("phone_tests") or {}
    said = [f"{person} {ago(when, now) or at(when)}" for person, when in tests.items()]
    _line(out, "phone test", ", ".join(said) or "never; write showup notify PERSON --test")
    for one in (found.get("mutes") or ())[:MANY]:
        held = f"; held back: {one['held']}" if one.get("held") else ""
        _line(out, "muted", f"{one['what']} until {at(one['until'])[:16]} ({one['author']}: {one['reason']}){held}")
    waiting = found.get("undelivered") or []
    _line(out, "undelivered", "none" if not waiting else str(len(waiting)))
    for one in waiting[:MANY]:
        error = f": {one['error']}" if one.get("error") else ""
        said_one = f"{one.get('purpose')} to {one.get('to')} by {one.get('channel')}"
        _line(out, "", f"{said_one} since {at(one.get('since'))}{error}")


    for one in (found.get("later") or ())[:MANY]:
        said_one = f"{one.get('purpose')} to {one.get('to')} by {one.get('channel')}"
        _line(out, "waits", f"{said_one} until {at(one.get('at'))}, unless somebody answers")


def _itself(out: Console, found: Found) -> None:
    published = found.get("published") or {}
    trouble = f"; the last try failed: {published['trouble']}" if published.get("trouble") else ""
    _line(out, "published", at(published.get("at")) + trouble)
    _line(out, "dead man", _dead_man(found.get("dead_man") or {}))
    _line(out, "channels", _tests(found.get("self_tests") or {}))
    if (found.get("canary_page") or {}).get("configured"):
        _line(out, "canary page", _canary(found["canary_page"], found.get("at")))
    _line(out, "rehearsed", _rehearsed(found.get("rehearsed") or (), found.get("at")))
    ending = found.get("endings") or [{**one, "name": one["host"]} for one in found.get("certificates") or ()]
    _line(out, "next expiry", "; ".join(map(_expiry, ending[:ENDING])) or "none known")
    low = [one for one in found.get("headroom") or () if one.get("low")] or (found.get("headroom") or [])[:1]
    if low:
        _line(out, "rate limits", "; ".join(map(_room, low[:MANY])))
    _line(out, "paused", _some(found.get("paused") or ()) or "nothing")
    health = found.get("health") or []
    _line(out, "health", "; ".join(map(str, health)) or "all parts move")
    late = found.get("lateness_ms") or {}
    if late.get("starts"):
        usual, worst = took(late["p99"] * 1000), took(late["max"] * 1000)
        _line(out, "lateness", f"p99 {usual}, worst {worst} of {late['starts']} starts")
    config = found.get("config") or {}
    if config.get("trouble"):
        _line(out, "config", f"NOT TAKEN OVER, the old one is in force: {config['trouble']}")
    for warning in (config.get("warnings") or [])[:MANY]:
        _line(out, "warning", str(warning))


def _expiry(one: Found) -> str:
    """What ends, the day of that, and how far off it is. Of a certificate the host says enough."""
    days, when = int(one["days_left"]), at(one.get("ends") or one.get("expires"))[:10]
    name = one["name"] if one.get("kind", "certificate") == "certificate" else f"{one['kind']} {one['name']}"
    if days < 0:
        return f"{name} EXPIRED on {when}"
    return f"{name} {when}, {count(days, 'day')} left" + (", soon" if days < SOON else "")


def _room(one: Found) -> str:
    """What a probe saw left of rate limits."""
    left = ", ".join(f"{share * 100:.0f} % of {unit}" for unit, share in sorted(one["left"].items()))
    return f"{one['probe']}: {left} left" + (", LOW" if one.get("low") else "")


def _dead_man(found: Found) -> str:
    """The outside switch: what came of the last ping, or that there is none."""
    if found.get("at"):
        word = "reached" if found.get("ok") else f"NOT reached ({found.get('said')})"
        return f"{word} {at(found['at'])}"
    return "configured, not pinged yet" if found.get("configured") else "none; write monitor: {dead_man: ADDRESS}"


def _tests(found: Found) -> str:
    """What each channel said when it was last spoken to."""
    said = [
        f"{name} {'works' if one['ok'] else 'FAILS since ' + at(one.get('since'))[:16] + ': ' + str(one.get('said'))}"
        for name, one in found.items()
    ]
    return "; ".join(said) or "not tested yet"


def _canary(found: Found, now: Any) -> str:
    """The newest canary page, and when one last came through."""
    nxt = f"next {at(found.get('next'))[:16]}"
    if not found.get("at"):
        return f"none yet, {nxt}"
    if found.get("outcome") == "passed":
        return f"came through {ago(found['at'], now)}, within {found.get('seconds') or 0:.1f} s, {nxt}"
    if found.get("outcome") == "running":
        return "under way"
    last = ago(found.get("good"), now) or "never"
    return f"{str(found.get('outcome')).upper()}: {found.get('why')}; last good {last}, {nxt}"


def _rehearsed(found: Any, now: Any) -> str:
    """When each workflow was rehearsed; those that never were, and have a runbook, are counted."""
    done = [f"{one['title']} {ago(one['at'], now)}" for one in found if one.get("at")]
    due = [str(one["workflow"]) for one in found if one.get("due")]
    told = [*done[:MANY], *([f"due: {_some(due)}; write showup drill {due[0]}"] if due else [])]
    return "; ".join(told) or "nothing yet; write showup drill WORKFLOW"


def _some(names: Any) -> str:
    listed = [plain(name, 80) for name in names]
    more = f" and {len(listed) - MANY} more" if len(listed) > MANY else ""
    return ", ".join(listed[:MANY]) + more


def _line(out: Console, name: str, text: str) -> None:
    """A name and what is said of it, further lines under the first."""
    for line in wrap(f"{name:<12} {plain(text)}", out.width, subsequent_indent=" " * 13, break_on_hyphens=False):
        out.print(line)
