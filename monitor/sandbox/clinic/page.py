"""The clinic's own pages: the home page, an answer, and the page where it can be broken."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web
from markupsafe import Markup

from monitor.sandbox.markup import button, join, notice, page
from probes.words.text import clean

_FORM = Markup(
    "<form method='post' action='/chat'><p><label for='message'>What can we do for you?</label></p>"
    "<textarea id='message' name='message' rows='3' required maxlength='2000' placeholder='{}'></textarea>"
    "<p class='actions'><button class='primary'>Send</button></p></form>"
)
EXAMPLE = "A cleaning tomorrow at 10, please. I am Sam Doe"


def show_home() -> web.Response:
    """Northside Dental, with the way to book."""
    head = Markup("<h1>Northside Dental</h1><p class='soft'>A sandbox clinic. Monday to Friday, 8:00 to 18:00.</p>")
    return page("Northside Dental", head + Markup("<h2>Book online</h2>") + _FORM.format(EXAMPLE))


def show_reply(message: str, reply: str, booking: str | None) -> web.Response:
    """A patient's sentence and the answer to it."""
    said = Markup("<article><p class='soft'>You wrote</p><p>{}</p></article>").format(clean(message, 2000, lines=True))
    answer = Markup("<article><p class='soft'>The receptionist</p><p>{}</p>{}</article>").format(
        clean(reply, 4000, lines=True),
        Markup("<p class='soft'>Appointment {}</p>").format(booking) if booking else Markup(""),
    )
    head = Markup("<h1>Northside Dental</h1>")
    return page("Northside Dental", join([head, said, answer, _FORM.format(EXAMPLE)]))


def show_breaker(kinds: dict[str, str], broken: Sequence[str], token: str) -> web.Response:
    """One button for each thing that can go wrong, and one that repairs them all."""
    state = f"Broken now: {', '.join(broken)}." if broken else "Everything works."
    row = Markup("<tr><td>{}</td><td>{}</td></tr>")
    rows = [
        row.format(button(kind, action="/fault", style="danger", fields={"token": token, "kind": kind}), meaning)
        for kind, meaning in kinds.items()
    ]
    body = [
        Markup("<h1>Break the clinic</h1>"),
        notice(state, bad=bool(broken)),
        button("Repair everything", action="/fault", style="primary", fields={"token": token, "kind": "repair"}),
        Markup("<h2>Faults</h2><table>{}</table>").format(join(rows)),
        Markup("<p class='soft'><a href='/'>To the clinic</a></p>"),
    ]
    return page("Break the clinic", join(body))
