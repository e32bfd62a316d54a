"""What the back office makes of a document: `Name: value` a line, items as `- SKU x COUNT at PRICE`."""

from __future__ import annotations

import re
from email import message_from_bytes
from typing import Any

_LINE = re.compile(r"\s*([A-Za-z ]{2,30}):\s*(\S.*?)\s*\Z")
_ITEM = re.compile(r"\s*-\s*(\S+)\s+x\s+(\d{1,6})\s+at\s+([\d.,]{1,20})\s*\Z")
_NUMBERS = ("net", "vat", "total")
LONGEST = 500  # lines that are read


def read_invoice(text: str) -> dict[str, Any]:
    """The fields of an invoice; raises ValueError for what is none."""
    found: dict[str, Any] = {"lines": []}
    for line in text.splitlines()[:LONGEST]:
        if item := _ITEM.match(line):
            found["lines"].append({"sku": item[1], "count": int(item[2]), "price": _amount(item[3])})
        elif pair := _LINE.match(line):
            name = pair[1].strip().lower().replace(" ", "_")
            found[name] = _amount(pair[2]) if name in _NUMBERS else pair[2]
    if "invoice" not in found or "total" not in found:
        raise ValueError("it has no invoice number and total")
    found["currency"] = found.get("currency", "EUR")
    return found


def read_form(kind: str, body: bytes) -> tuple[dict[str, str], str, str]:
    """(the fields of a form of several parts, the name of its file, what is in it); "" where there is no file."""
    form = message_from_bytes(b"Content-Type: " + kind.encode("latin-1", "replace") + b"\r\n\r\n" + body)
    fields, called, text = dict[str, str](), "", ""
    for part in form.walk():
        payload = part.get_payload(decode=True)
        if part.is_multipart() or not isinstance(payload, bytes):
            continue
        name, content = part.get_param("name", header="content-disposition"), payload.decode("utf-8", "replace")
        if part.get_filename():
            called, text = str(part.get_filename()), content
        elif isinstance(name, str):
            fields[name] = content
    return fields, called, text


def _amount(text: str) -> float:
    return round(float(re.sub(r"[^\d.]", "", text.replace(",", ""))), 2)
