"""The back office of the sandbox with all its neighbours, and jobs that watch it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from monitor.sandbox.invoices import Invoices
from probes.author import Probe
from probes.testing import Result, attempt

INVOICE = """\
Vendor: Northwind Paper Ltd
Invoice: TEST-1
Reference: ${marker}
Due: ${date+30d}
- PAPER-A4 x 10 at 4.20
Total: 119.00
Currency: EUR
"""
SUBMIT = """
submit:
  post: /invoices
  file: {path: invoice.txt, fill: true, name: "${marker}.txt"}
  check: [{status: 202}]
  capture: {id: $.id}
  cleanup: {delete: "/invoices/${id}"}
"""


def places(office: Invoices) -> dict[str, str]:
    """What stands for `<…>` in a job of a test."""
    mail, bucket = office.mail.tokens(), office.bucket.tokens()
    return {
        "ledger": office.ledger,
        "scans": str(office.scans),
        "outbox": str(office.outbox),
        "mail": (
            f"{{server: '{office.mail.client_url}', user: {mail['user']}, password: '${{secret:MAIL}}', "
            f"ca_file: {office.mail.ca_file}}}"
        ),
        "bucket": (
            f"bucket: {bucket['bucket']}, endpoint: '{office.bucket.url}', region: {bucket['region']}, "
            f"key: {bucket['key']}, secret: '${{secret:BUCKET}}'"
        ),
    }


def secrets(office: Invoices) -> dict[str, str]:
    """The passwords of the neighbours."""
    return {"MAIL": office.mail.password, "BUCKET": office.bucket.who.secret}


def written(office: Invoices, wait: str, submit: str = SUBMIT) -> dict[str, Any]:
    """A job as YAML has it, its places put in."""
    text = submit + "wait:\n" + wait
    for name, place in places(office).items():
        text = text.replace(f"<{name}>", place)
    found: dict[str, Any] = {"kind": "job", **yaml.safe_load(text)}
    return found


async def run(office: Invoices, job: Mapping[str, Any] | Probe, folder: Any) -> Result:
    """One attempt, files found in `folder`."""
    (folder / "invoice.txt").write_text(INVOICE)
    return await attempt(job, office.url, secrets=secrets(office), folder=str(folder))
