"""The human view of the sandbox: one look, everything escaped, no script."""

from __future__ import annotations

import re
from collections.abc import Iterable

from aiohttp import web
from markupsafe import Markup, escape

STYLE = """
:root{--bg:#fbfaf8;--card:#fff;--ink:#1d2125;--soft:#5d666f;--line:#e6e3dd;--go:#2e7d5b;--stop:#c0392b;
--warn:#a86400;--link:#2b5f9e;color-scheme:light dark}
@media(prefers-color-scheme:dark){:root{--bg:#14171a;--card:#1b1f23;--ink:#eceae6;--soft:#9aa3ab;--line:#2b3036;
--go:#4caf85;--stop:#ff6f61;--warn:#f0a63a;--link:#8ab4e8}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.5 ui-sans-serif,system-ui,-apple-system,"Segoe UI",
Roboto,"Helvetica Neue",sans-serif;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
main{max-width:760px;margin:0 auto;padding:32px 20px 56px}
h1{font-size:26px;line-height:1.2;letter-spacing:-.01em;font-weight:650;margin:0 0 4px}
h2{font-size:13px;font-weight:600;color:var(--soft);margin:28px 0 8px}
p{margin:6px 0}.soft,time{color:var(--soft);font-size:14px}a{color:var(--link)}
nav{display:flex;flex-wrap:wrap;gap:4px 14px;margin:10px 0 20px;font-size:15px}nav [aria-current]{color:inherit;
font-weight:600;text-decoration:none}
article{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:14px 16px;margin:0 0 10px}
article article{border-width:0 0 0 3px;border-radius:0;margin:8px 0 0 4px;padding:4px 0 4px 14px}
.actions{display:flex;flex-wrap:wrap;align-items:center;gap:8px;margin:10px 0 2px}form{display:inline;margin:0}
button,.button{font:inherit;font-weight:600;font-size:15px;padding:6px 14px;border-radius:8px;background:var(--card);
color:var(--ink);border:1px solid var(--soft);cursor:pointer;text-decoration:none;display:inline-block}
button.primary{background:var(--go);border-color:var(--go);color:var(--bg)}
button.danger{border-color:var(--stop);color:var(--stop)}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.notice{border-left:5px solid var(--go);padding:8px 14px;background:var(--card);margin:0 0 16px}
.notice.bad{border-color:var(--stop)}.word{font-weight:600}.word.bad{color:var(--stop)}.word.warn{color:var(--warn)}
.word.good{color:var(--go)}
input,select,textarea{font:inherit;padding:7px 10px;border:1px solid var(--soft);border-radius:8px;background:var(--bg);
color:var(--ink);max-width:100%}textarea{width:100%}
code,pre{font:14px/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}pre{white-space:pre-wrap;margin:6px 0}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:5px 12px 5px 0;vertical-align:top;
border-top:1px solid var(--line);font-size:15px}th{color:var(--soft);font-weight:500;border:0;font-size:13px}
blockquote{margin:4px 0;padding-left:12px;border-left:3px solid var(--line)}
"""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}

_PAGE = Markup(
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width,initial-scale=1">{refresh}<title>{title}</title>'
    "<style>{style}</style></head><body><main>{body}</main></body></html>"
)


def page(
    title: str, body: Markup, *, refresh: int = 0, again: str = "", style: str = "", status: int = 200
) -> web.Response:
    """A whole page; `refresh` in seconds loads it (or `again`) anew. `style` is ours, never a sender's."""
    content = f"{refresh};url={again}" if again else str(refresh)
    reload = Markup('<meta http-equiv="refresh" content="{}">').format(content) if refresh else ""
    text = _PAGE.format(title=title, body=body, refresh=reload, style=Markup(STYLE + style))  # noqa: S704
    return web.Response(text=text, content_type="text/html", status=status, headers=HEADERS)


def join(parts: Iterable[str], between: str = "") -> Markup:
    """Parts in a row; whatever is not Markup yet is escaped."""
    return escape(between).join(parts)


def hidden(**fields: str) -> Markup:
    """Hidden inputs of a form."""
    one = Markup('<input type="hidden" name="{}" value="{}">')
    return join(one.format(name, value) for name, value in fields.items())


def button(label: str, *, action: str, style: str = "", fields: dict[str, str]) -> Markup:
    """A button that posts its fields."""
    look = Markup(' class="{}"').format(style) if style in ("primary", "danger") else ""
    return Markup('<form method="post" action="{}">{}<button{}>{}</button></form>').format(
        action, hidden(**fields), look, label
    )


def link(address: str, label: str) -> Markup:
    """A link when the address is a web address, else only its words: no `javascript:` reaches a page."""
    if re.match(r"https?://", address, re.IGNORECASE):
        return Markup('<a href="{}" rel="noreferrer noopener">{}</a>').format(address, label)
    return escape(label)


def notice(words: str, *, bad: bool = False) -> Markup:
    """One line that tells what just happened."""
    line = Markup('<p class="notice{}" role="status">{}</p>')
    return line.format(" bad" if bad else "", words) if words else Markup("")
