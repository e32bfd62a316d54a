"""Checks of what an agent answers: languages, refusals, what is no answer, JSON in prose, sources, labels, fields."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.checks.embedded import documents_in
from probes.checks.language import NAMES, is_in, language_of
from probes.checks.texture import garbled, refuses
from probes.words.errors import ProbeBug
from probes.words.failure import Failure
from tests.pure.answer_cases import INVOICE, SLOT, WEEK
from tests.pure.test_checks import Whole, checked

SPOKEN = {
    "en": SLOT,
    "de": WEEK,
    "fr": "Bien sûr, nous avons un rendez-vous disponible mardi à 10 heures. Voulez-vous que je le réserve pour vous ?",
    "es": "Claro, tenemos una cita disponible el martes a las 10. ¿Quiere que la reserve para usted?",
    "it": "Certo, abbiamo un appuntamento martedì alle 10. Vuole che lo prenoti per lei? È possibile anche mercoledì.",
    "pt": "Claro, temos uma consulta disponível na terça-feira às 10. Você gostaria que eu a marcasse para você?",
    "nl": "Natuurlijk, we hebben dinsdag om 10 uur nog een plek vrij. Zal ik die voor u vastleggen?",
    "sv": "Visst, vi har en tid ledig på tisdag klockan 10. Vill du att jag bokar den åt dig?",
    "da": "Selvfølgelig, vi har en ledig tid på tirsdag klokken 10. Vil du have, at jeg booker den til dig?",
    "no": "Selvfølgelig, vi har en ledig time på tirsdag klokken 10. Vil du at jeg bestiller den til deg?",
    "pl": "Oczywiście, mamy wolny termin we wtorek o 10. Czy mam go zarezerwować dla pana? Możemy też na środę.",
    "tr": "Tabii, salı günü saat 10 için bir randevumuz var. Sizin için ayırmamı ister misiniz? Lütfen bilgi verin.",
    "ru": "Конечно, у нас есть свободное время во вторник в 10. Хотите, чтобы я записал вас на это время?",
    "uk": "Звичайно, у нас є вільний час у вівторок о 10. Чи записати вас на цей час? Це для вас зручно, або ні?",
    "el": "Βεβαίως, έχουμε ένα ραντεβού την Τρίτη στις 10.",
    "he": "בטח, יש לנו תור ביום שלישי בשעה 10.",
    "ar": "بالطبع، لدينا موعد يوم الثلاثاء الساعة العاشرة.",
    "hi": "ज़रूर, मंगलवार को 10 बजे हमारे पास समय है।",
    "zh": "当然，我们星期二上午10点有空。",
    "ja": "はい、火曜日の10時に予約が空いています。",
    "ko": "네, 화요일 10시에 예약이 가능합니다.",
}
REFUSALS = [
    "I'm sorry, but I can't help with that.",
    "As an AI language model, I cannot give medical advice.",
    "I\u2019m unable to assist with this request.",
    "Es tut mir leid, aber dabei kann ich Ihnen nicht helfen.",
    "Désolé, je ne peux pas répondre à cela.",
    "Lo siento, pero no puedo ayudar con eso.",
    "Desculpe, mas não posso ajudar com isso.",
    "Mi dispiace, ma non posso aiutarti.",
    "Het spijt me, daar kan ik niet bij helpen.",
    "Przykro mi, ale nie mogę w tym pomóc.",
    "Tyvärr kan jag inte hjälpa dig med det.",
    "申し訳ありませんが、そのご質問にはお答えできません。",
    "抱歉，我无法回答这个问题。",
    "죄송하지만 도와드릴 수 없습니다.",
]
ANSWERS = [
    "I'm sorry, we cannot do 10:00, but 11:00 is free.",
    "Sorry, I can't find an appointment under that name.",
    "I can't wait to see you tomorrow!",
    "Leider haben wir um 10 Uhr keinen Termin.",
    "We are open from 8 to 5. Sorry for the wait!",
]


@pytest.mark.parametrize("code", SPOKEN)
def test_a_language_is_told_by_an_ordinary_sentence(code: str) -> None:
    assert is_in(SPOKEN[code], code) is True
    note = checked(SPOKEN[code], "language", NAMES[code])
    assert (note.ok, note.says) == (True, f"$.x is in {NAMES[code]}")
    wrong = "en" if code != "en" else "de"
    note = checked(SPOKEN[code], "language", wrong)
    assert (note.ok, note.failure) == (False, Failure.GARBAGE)


@pytest.mark.parametrize("text", ["OK", "10:00", "Bonjour", "Jones & Söhne", "Done.", ""])
def test_what_is_too_short_to_tell_is_said_and_holds_neither_way(text: str) -> None:
    for negated in (False, True):
        note = checked(text, "language", "fr", negated=negated)
        assert (note.ok, note.failure) == (False, Failure.WRONG)
        assert note.says.endswith(", which is too little to tell its language")


def test_a_language_that_is_not_known_is_refused_when_it_is_written() -> None:
    with pytest.raises(ProbeBug, match="'klingon' is no language that is told apart here; write one of en, de, fr"):
        checked("text", "language", "klingon")


@pytest.mark.parametrize("text", REFUSALS)
def test_a_refusal_is_one_in_every_language(text: str) -> None:
    note = checked(text, "is_refusal", negated=True, unit="reply", whole=Whole())
    assert (note.ok, note.failure) == (False, Failure.REFUSED)


@pytest.mark.parametrize("text", ANSWERS)
def test_an_answer_that_says_no_is_no_refusal(text: str) -> None:
    assert not refuses(text)
    assert checked(text, "is_refusal", negated=True).ok


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("upstream request timeout", "the text of an error instead of an answer"),
        ("502 Bad Gateway", "the text of an error instead of an answer"),
        ('{"error": {"message": "overloaded"}}', "the text of an error instead of an answer"),
        ("[object Object]", "the text of an error instead of an answer"),
        ("KeyError: 'slots'", "the text of an error instead of an answer"),
        ("Sure! Traceback (most recent call last):\n  File", "a stack trace instead of an answer"),
        ("Oops\n    at handle (/app/server.js:12:5)", "a stack trace instead of an answer"),
        ("You are booked.<|im_end|>", "marks that only the model should see"),
        ("<!DOCTYPE html><html><body>Sign in</body></html>", "a web page instead of an answer"),
    ],
)
def test_what_stands_instead_of_an_answer_is_not_readable(text: str, why: str) -> None:
    note = checked(text, "readable", unit="reply", whole=Whole())
    assert (note.ok, note.failure) == (False, Failure.GARBAGE)
    assert note.says == f"reply should be readable, got {why}"


def test_a_web_page_is_readable_where_one_was_asked_for() -> None:
    class Page:
        code = 200

    assert checked("<!doctype html><p>We are open.</p>", "readable", unit="reply", whole=Page()).ok
    assert garbled("Error handling is explained in chapter 5, and what to do when a gateway times out.") == ""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": 1}', [{"a": 1}]),
        ("Sure:\n```json\n[1, 2]\n```", [[1, 2]]),
        ('I booked {"id": 7} and {"id": 8}.', [{"id": 7}, {"id": 8}]),
        ("a set {1, 2} and [brackets]", []),
        ('"only text"', []),
        ("NaN", []),
    ],
)
def test_json_is_found_wherever_it_stands(text: str, found: list[Any]) -> None:
    assert documents_in(text) == found
    note = checked(text, "contains_json", True)
    assert note.ok is bool(found)
    assert note.ok or (note.failure is Failure.GARBAGE and "should contain JSON, got" in note.says)


@pytest.mark.parametrize("text", ["[" * 300_000, '{"a":' * 50_000, "{" * 10 + '"' * 200_000, "i'm sorry " * 20_000])
def test_nothing_that_is_looked_for_takes_time(text: str) -> None:
    began = time.monotonic()
    documents_in(text)
    refuses(text)
    garbled(text)
    language_of(text)
    assert time.monotonic() - began < 0.5


def test_a_source_is_an_address_or_a_mark() -> None:
    for text in ("See [1].", "See https://docs.example.com/a", "As stated【3†source】", "Both [1, 2] say so"):
        assert checked(text, "citation_present").ok, text
    assert not checked("I am sure of it (really)", "citation_present").ok
    assert checked("https://a.docs.example.com/x", "citation_present", "docs.example.com").ok
    assert not checked("https://docs.example.com.evil.example/x", "citation_present", "docs.example.com").ok
    assert not checked("See [1]", "citation_present", ["docs.example.com"]).ok


def test_fields_are_found_in_what_an_agent_says() -> None:
    said = 'I read:\n```json\n{"total": "1250.50", "due": "01.12.2026"}\n```'
    assert checked(said, "field_accuracy", INVOICE, unit="reply", whole=Whole()).ok
    note = checked("I could not read it", "field_accuracy", INVOICE, unit="reply", whole=Whole())
    assert (note.ok, note.failure) == (False, Failure.GARBAGE)
    assert note.says == 'reply should get at least 90% of 2 fields right, got no JSON in "I could not read it"'


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"total": 1}, "write field-accuracy: {expected: {total: 1250.5}"),
        ({"expected": {}}, "nothing is expected"),
        ({"expected": {"a": 1}, "at_lest": 1}, "at_lest: there is no such key; write tolerance, kinds"),
        ({"expected": {"a": 1}, "at-least": 90}, "at-least: 90 is no share; write 90% or 0.9"),
        ({"expected": {"a": 1}, "tolerance": {"$.b": 1}}, "tolerance names $.b, which is not among what is expected"),
        ({"expected": {"a": 1}, "tolerance": {"a": 1}}, "a is no path of a field"),
    ],
)
def test_fields_that_cannot_be_compared_are_refused_when_they_are_written(wanted: Any, said: str) -> None:
    with pytest.raises(ProbeBug) as bug:
        checked({}, "field_accuracy", wanted)
    assert said in str(bug.value)


@pytest.mark.parametrize(
    ("matcher", "args", "said"),
    [
        ("word_count", (5, 2), "word-count counts up: 5 is more than 2"),
        ("word_count", ("a", 2), 'word_count: "a" is not a whole number'),
        ("nearly_equals", ("", 0.9), "nearly-equals compares with a text"),
        ("nearly_equals", ("a", 90), "90 is no share; write 90% or 0.9"),
        ("citation_present", ("https://a.example/x",), "https://a.example/x is not the name of a host"),
        ("label_in", (), "labels are text"),
        ("contains_json", (5,), "write contains-json: true, or a JSON Schema"),
    ],
)
def test_what_can_never_be_right_is_refused_when_it_is_written(matcher: str, args: tuple[Any, ...], said: str) -> None:
    with pytest.raises(ProbeBug) as bug:
        checked("text", matcher, *args)
    assert said in str(bug.value)


@given(st.text(max_size=400))
def test_whatever_is_said_is_judged(text: str) -> None:
    assert language_of(text) in {"", *NAMES}
    asked: dict[str, tuple[Any, ...]] = {"word_count": (1, 5), "contains_json": (), "label_in": ("a",)}
    for matcher, args in {**asked, "citation_present": ()}.items():
        note = checked(text, matcher, *args)
        assert isinstance(note.ok, bool) and note.says
