"""Jobs against the back office: every stage seen, every stage lost, each failure with its stage and its sentence."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from monitor.sandbox.invoices import Invoices
from probes import Context, probe
from probes.testing import Result
from tests.story.office import run, written

POLL = (
    '  - {name: read, within: 5s, every: 100ms, poll: {get: "/invoices/${id}"}, '
    "until: [{json: $.state, equals: done}]}\n"
)
ROW = (
    "  - {name: booked, within: WITHIN, row: {database: '<ledger>', "
    "query: 'SELECT total, invoice FROM ledger WHERE reference = :marker'}, check: [{json: $.total, equals: 119}]}\n"
)
MAIL = (
    "  - {name: mailed, within: WITHIN, mail: <mail>, "
    "check: [{header: subject, contains: TEST-1}, {contains: 119.00 EUR}]}\n"
)
OBJECT = (
    "  - {name: filed, within: WITHIN, object: {<bucket>, prefix: done/, name: '*.json'}, "
    "check: [{json: $.total, equals: 119}]}\n"
)
FOLDER = (
    "  - {name: put out, within: WITHIN, folder: {path: <outbox>, name: '*.json'}, "
    "check: [{json: $.total, equals: 119}]}\n"
)
STAGES = {"row": ("booked", ROW), "mail": ("mailed", MAIL), "object": ("filed", OBJECT), "file": ("put out", FOLDER)}


@pytest.fixture
async def office() -> AsyncIterator[Invoices]:
    async with Invoices(seconds=0.3) as made:
        yield made


def stages(*names: str, within: str = "4s") -> str:
    return "".join(STAGES[name][1].replace("WITHIN", within) for name in names)


def outcome(result: Result) -> tuple[str, str | None, str, str]:
    reply = result.reply
    return reply.state, reply.failure, reply.step, reply.phase


async def test_an_invoice_is_followed_to_every_place_where_it_shows(office: Invoices, tmp_path: Path) -> None:
    result = await run(office, written(office, POLL + stages(*STAGES)), tmp_path)
    assert result.passed, result
    assert [step["name"] for step in result.steps] == ["post /invoices", "read", "booked", "mailed", "filed", "put out"]
    assert office.rows() == [] and office.works == {}, "what was submitted was cleaned up"


@pytest.mark.parametrize("trace", STAGES)
async def test_a_trace_that_never_shows_is_a_timeout_of_its_stage(office: Invoices, tmp_path: Path, trace: str) -> None:
    office.faults.set("lost", where=trace)
    result = await run(office, written(office, POLL + stages(trace, within="1s")), tmp_path)
    name = STAGES[trace][0]
    assert outcome(result) == ("down", "timeout", name, name), result
    assert result.sentence.startswith(f"stage '{name}' not seen within 1s; last seen: "), result.sentence
    assert "showup-" in result.sentence, "it says what was looked for"
    assert office.works == {}, "and it was cleaned up all the same"


@pytest.mark.parametrize("trace", STAGES)
async def test_a_wrong_amount_is_wrong_wherever_it_shows(office: Invoices, tmp_path: Path, trace: str) -> None:
    office.faults.set("wrong-amount")
    result = await run(office, written(office, POLL + stages(trace)), tmp_path)
    assert result.failure == "wrong" and "119" in result.sentence and "1190" in result.sentence, result
    assert result.reply.step == STAGES[trace][0]


async def test_work_that_comes_late_is_a_timeout_of_the_first_stage_and_the_others_are_not_reached(
    office: Invoices, tmp_path: Path
) -> None:
    office.faults.set("late", seconds=30)
    result = await run(office, written(office, POLL.replace("5s", "800ms") + stages("row")), tmp_path)
    assert outcome(result) == ("down", "timeout", "read", "read")
    assert 'last seen: $.state should equal "done", got "queued"' in result.sentence
    assert [step["reached"] for step in result.steps] == [True, True, False]
    assert 0.7 < result.reply.took / 1e6 < 1.8


async def test_an_invoice_that_cannot_be_read_stays_failed_and_the_sentence_says_so(
    office: Invoices, tmp_path: Path
) -> None:
    office.faults.set("unread")
    result = await run(office, written(office, POLL.replace("5s", "1s")), tmp_path)
    assert 'got "failed"' in result.sentence and result.failure == "timeout"


async def test_a_booking_that_is_made_twice_is_found(office: Invoices, tmp_path: Path) -> None:
    office.faults.set("twice")
    count = (
        "  - {name: booked, within: 3s, row: {database: '<ledger>', query: 'SELECT count(*) AS n FROM ledger WHERE "
        "reference = :marker'}, until: [{json: $.n, at-least: 1}], check: [{json: $.n, equals: 1}]}\n"
    )
    result = await run(office, written(office, POLL + count), tmp_path)
    assert result.failure == "wrong" and "$.n should equal 1, got 2" in result.sentence


async def test_fields_are_compared_with_their_tolerances(office: Invoices, tmp_path: Path) -> None:
    fields = "{at: $.document, expected: {total: TOTAL, reference: '${marker}'}, tolerance: {$.total: 0.01}}"
    poll = POLL.replace("}]}\n", "}], fields: FIELDS}\n").replace("FIELDS", fields)
    near = await run(office, written(office, poll.replace("TOTAL", "119.01")), tmp_path)
    far = await run(office, written(office, poll.replace("TOTAL", "119.02")), tmp_path)
    assert near.passed, near
    assert far.failure == "wrong" and "$.total: 119" in far.sentence, far


async def test_the_right_values_may_lie_in_a_file(office: Invoices, tmp_path: Path) -> None:
    (tmp_path / "right.yaml").write_text("total: 119\nreference: ${marker}\nlines: [{sku: PAPER-A4, count: 10}]\n")
    poll = POLL.replace("}]}\n", "}], fields: {at: $.document, file: right.yaml}}\n")
    assert (await run(office, written(office, poll), tmp_path)).passed
    office.faults.set("wrong-amount")
    assert (await run(office, written(office, poll), tmp_path)).failure == "wrong"


async def test_all_is_tagged_as_synthetic_so_that_the_client_can_tell(office: Invoices, tmp_path: Path) -> None:
    job = written(office, POLL + stages("row", "mail"))
    job["submit"].pop("cleanup")
    result = await run(office, {**job, "tag": {"header": "X-Test", "value": "yes", "field": "synthetic"}}, tmp_path)
    assert result.passed, result
    assert [row[-1] for row in office.rows()] == ["yes"]
    sent = [request for step in result.steps for request in step["requests"] if request["request_headers"]]
    assert sent and all(request["request_headers"]["x-test"] == "yes" for request in sent)
    assert b"X-Synthetic: yes" in office.mail.mails[0].raw


async def test_a_mail_is_deleted_on_request_and_no_other(office: Invoices, tmp_path: Path) -> None:
    other = office.mail.deliver(subject="Somebody else's", text="keep me")
    flagged = office.mail.deliver(subject="Somebody else's, marked for deletion by them", text="keep me too")
    flagged.flags.add("\\Deleted")
    job = written(office, POLL + stages("mail"))
    job["wait"][1]["mail"]["delete"] = True
    result = await run(office, job, tmp_path)
    assert result.passed, result
    assert office.mail.mails == [other, flagged] and other.flags == set()


async def test_a_file_is_dropped_and_what_comes_of_it_is_found_by_its_content(office: Invoices, tmp_path: Path) -> None:
    office.outbox.joinpath("older.json").write_text('{"reference": "showup-1-1", "total": 5}')
    drop = "submit: {drop: {folder: <scans>, name: '${marker}.txt', file: invoice.txt, fill: true}}\n"
    result = await run(office, written(office, stages("file"), submit=drop), tmp_path)
    assert result.passed, result
    assert list(office.scans.iterdir()) == []


async def test_an_object_is_put_and_deleted_again(office: Invoices, tmp_path: Path) -> None:
    drop = "submit: {drop: {bucket: {<bucket>}, name: 'in/${marker}.txt', content: 'Invoice for ${run_id}'}}\n"
    look = "  - {name: there, within: 2s, object: {<bucket>, prefix: in/}, check: [{contains: Invoice for}]}\n"
    result = await run(office, written(office, look, submit=drop), tmp_path)
    assert result.passed, result
    assert office.bucket.objects == {}


async def test_a_script_can_do_all_of_it(office: Invoices, tmp_path: Path) -> None:
    who = office.bucket.who

    @probe(timeout="20s")
    async def follows(ctx: Context) -> None:
        """The twin of the job."""
        async with ctx.step("submit"):
            text = (await ctx.read("invoice.txt")).decode().replace("${marker}", ctx.marker)
            sent = await ctx.http.post("/invoices", files={"file": ("invoice.txt", text, "text/plain")})
            ctx.check(sent).status(202)
            ctx.cleanup(ctx.http.delete, ctx.path("/invoices/{}", sent.json("$.id")))
        async with ctx.step("booked"):
            query = "SELECT total FROM ledger WHERE reference = :marker"
            rows = await ctx.until(lambda: ctx.rows(office.ledger, query), within="5s")
            ctx.check(rows[0]["total"]).equals(119)
        async with ctx.step("mailed"):
            inbox = ctx.mail(
                office.mail.client_url,
                user="probe@sandbox.example",
                password=ctx.secret("MAIL"),
                ca_file=str(office.mail.ca_file),
            )
            ctx.check(await ctx.until(inbox.find, within="5s")).contains("119.00 EUR")
        async with ctx.step("filed"):
            bucket = ctx.bucket(
                "sandbox", key=who.key, secret=ctx.secret("BUCKET"), region=who.region, endpoint=office.bucket.url
            )
            filed = await ctx.until(lambda: bucket.find("*.json", prefix="done/"), within="5s")
            ctx.check(filed.json("$.total")).equals(119)

    assert (await run(office, follows, tmp_path)).passed
    office.faults.set("lost", where="mail")
    lost = await run(office, follows, tmp_path)
    assert outcome(lost) == ("down", "timeout", "mailed", "mailed"), lost
