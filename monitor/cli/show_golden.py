"""How golden sets are drawn: their accuracy with its bounds, the cases that go wrong, what is taken for what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

from monitor.cli.paper import count, hung, paper, plain, row, table

Found = Mapping[str, Any]
NAME = 22  # characters of a name on one line
WIDEST = 8  # labels of a matrix that fits
CASES = 40  # cases that are drawn, those that go wrong first
_MARKS = {"1": "✓", "0": "✗", "?": "·"}


def listed(found: Sequence[Found]) -> None:
    """Every golden set on a line."""
    out = paper()
    if not found:
        out.print("There is no golden set; docs/golden.md tells how one is written.")
        return
    made = table("golden set", "state", "right", "95 % sure", "cases", "target", "7 days", right=(2, 4, 5))
    for one in found:
        made.add_row(
            "\n".join(wrap(plain(one["probe"]).replace("/production/", "/"), NAME, break_on_hyphens=True)),
            plain(one["state"]),
            _share(one.get("accuracy")),
            _bounds(one),
            str(one["of"]),
            f"{one['target'] * 100:g} %",
            _trend(one.get("days") or ()),
        )
    out.print(made)
    few = [f"{plain(one['probe'])} has {one['of']} of the {one['needed']} it needs" for one in found if _is_few(one)]
    for said in few:
        out.print(said + ".")
    out.print(f"showup golden {plain(found[0]['probe'])} shows its cases.")


def _is_few(one: Found) -> bool:
    return bool(one["of"] < one["needed"])


def whole(found: Found) -> None:
    """One golden set with its cases."""
    out = paper()
    out.print(plain(found["probe"]), style="bold")
    said = _says(found)
    if "silent" in found:
        said = f"no case was answered in the newest run ({plain(found['silent'])}); before that {said}"
    out.print(f"{plain(found['state'])}: {said}")
    per_run, cases = int(found["per_run"]), count(int(found["cases"]), "case")
    promise = f"target {found['target'] * 100:g} %, floor {found['floor'] * 100:g} %"
    out.print(f"{promise}; {cases}, {per_run} of them a run, window {plain(found['window'])}")
    days = ", ".join(f"{day['day'][5:]} {day['right'] / day['of'] * 100:.0f} %" for day in found.get("days") or ())
    if days:
        out.print(f"by day: {days}")
    if found.get("baseline"):
        worse, better = found.get("regressed") or [], found.get("improved") or []
        said = f"since the baseline: {len(worse)} worse, {len(better)} better"
        out.print(f"{said} (as likely by chance: {float(found.get('chance') or 1):.3f})")
    _fields(found)
    _matrix(found)
    _cases(found)


def _says(found: Found) -> str:
    if found.get("accuracy") is None:
        return f"no case was scored yet; {found['needed']} are needed"
    few = f", of {found['needed']} that are needed" if found["of"] < found["needed"] else ""
    return f"{_share(found['accuracy'])} right ({found['right']} of {found['of']}{few}), 95 % sure: {_bounds(found)}"


def _fields(found: Found) -> None:
    worst = found.get("fields") or ()
    if worst:
        made = table("field", "wrong", "of", right=(1, 2))
        for one in worst[:12]:
            row(made, one["field"], one["wrong"], one["of"])
        paper().print(made)


def _matrix(found: Found) -> None:
    """What was expected, in rows, and what it was taken for, in columns; or the pairs, where there are too many."""
    pairs = [(plain(one["expected"], 40), plain(one["got"], 40), one["times"]) for one in found.get("confusions") or ()]
    if not pairs:
        return
    rows, columns = list(dict.fromkeys(pair[0] for pair in pairs)), list(dict.fromkeys(pair[1] for pair in pairs))
    if not found.get("labels") or max(len(rows), len(columns)) > WIDEST:
        made = table("expected", "got", "times", right=(2,))
        for pair in pairs[:12]:
            row(made, *pair)
    else:
        times = {pair[:2]: pair[2] for pair in pairs}
        made = table("expected ↓ got →", *columns, right=tuple(range(1, len(columns) + 1)))
        for name in rows:
            row(made, name, *(times.get((name, other), "") for other in columns))
    paper().print(made)


def _cases(found: Found) -> None:
    out = paper()
    every = found.get("each") or ()
    each = sorted([one for one in every if one.get("wrong")], key=lambda one: (_rank(one), one["case"]))
    asked = sum(bool(one["of"]) for one in every)
    out.print(f"{asked - len(each)} of {count(asked, 'case')} that were asked were always right.")
    if not each:
        return
    made = table("case", "answers, newest last", "right", "last wrong answer", right=(2,), wide=3)
    for one in each[:CASES]:
        marks = "".join(_MARKS.get(mark, "·") for mark in str(one.get("history") or ""))
        row(made, one["case"], marks, f"{one['right']}/{one['of']}", _wrong(one.get("wrong")))
    out.print(made)
    if len(each) > CASES:
        out.print(f"… and {count(len(each) - CASES, 'case')} more, see --json")


def _rank(one: Found) -> float:
    """The share that is right: what goes wrong comes first, what was never asked last."""
    return one["right"] / one["of"] if one.get("of") else 2.0


def _wrong(one: Found | None) -> str:
    if not one:
        return ""
    if one.get("failure"):
        return str(one["failure"])
    if one.get("fields"):
        return ", ".join(one["fields"])
    return f"{one.get('got') or 'nothing'} instead of {one['expected']}" if one.get("expected") else "a check failed"


def _share(share: Any) -> str:
    return "–" if share is None else f"{share * 100:.1f} %"


def _bounds(one: Found) -> str:
    return f"{one['low'] * 100:.1f}–{one['high'] * 100:.1f} %" if one.get("of") else "–"


def _trend(days: Sequence[Found]) -> str:
    """The first and the last day's accuracy, as a way from one to the other."""
    shares = [day["right"] / day["of"] * 100 for day in days if day["of"]]
    return f"{shares[0]:.0f} → {shares[-1]:.0f} %" if len(shares) > 1 else ""


def baseline(found: Found) -> None:
    """What was written down."""
    out = paper()
    held = sum(bool(right) for right in found["cases"].values())
    out.print(f"{plain(found['file'], 300)}: {held} of {count(len(found['cases']), 'case')} right.", soft_wrap=True)
    changed, missing = found.get("changed") or (), found.get("missing") or ()
    for head, names in (("other than before: ", changed), ("not scored yet: ", missing)):
        if names:
            more = f" and {len(names) - 8} more" if len(names) > 8 else ""
            for line in hung(head, ", ".join(plain(name, 80) for name in names[:8]) + more, out.width):
                out.print(line)
    out.print("Take it over: showup reload")
