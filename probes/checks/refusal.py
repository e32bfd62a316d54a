"""Whether an answer declines to be one: the phrases with which models refuse, in the languages they mostly do."""

from __future__ import annotations

import re

BEGINNING = 300  # characters: who refuses says so at once
_NEAR = r"[^.!?\n]{0,80}?"  # within the same sentence
_CANNOT = r"(?:can(?:'t|not)|can not|won't|will not|(?:am |'m )(?:unable|not able)|(?:must|have to) decline)"
# The speaker refuses in the first person: "we cannot do 10:00" is an answer.
_PHRASES = (
    # English
    rf"\b(?:sorry|afraid|unfortunately|apologi[sz]e|apologies)\b{_NEAR}\bi ?{_CANNOT}\b(?! (?:find|see|hear|reach))",
    rf"\bi ?{_CANNOT}\b{_NEAR}\b(?:assist|help|comply|provide|answer|discuss|fulfill?|support|engage|do that)\b",
    r"\bas an ai\b[^.!?\n]{0,60}?\b(?:can(?:'t|not)|unable|not able|don't|do not)\b",
    r"\b(?:against|violates?) (?:my|our|the|openai(?:'s)?) (?:guidelines|policy|policies|programming|content)\b",
    # German
    rf"\b(?:tut mir leid|leider|entschuldigung)\b{_NEAR}\b(?:kann|darf|werde) ich\b{_NEAR}\b(?:nicht|keine?n?)\b",
    rf"\bich (?:kann|darf|werde)\b{_NEAR}\b(?:nicht (?:helfen|beantworten|unterstützen)|keine (?:auskunft|hilfe))",
    # French
    rf"\b(?:désolée?|je m'excuse|malheureusement)\b{_NEAR}\bje ne (?:peux|puis)\b",
    r"\bje ne (?:peux|puis) (?:pas |malheureusement )?(?:vous |t')?(?:aider|répondre|fournir|donner)",
    # Spanish, Portuguese, Italian
    rf"\b(?:lo siento|disculpa|lamento|lamentablemente)\b{_NEAR}\bno (?:puedo|me es posible)\b",
    r"\bno puedo (?:ayudar|responder|proporcionar|cumplir|hacer eso)",
    rf"\b(?:desculpe|sinto muito|lamento|infelizmente)\b{_NEAR}\bnão (?:posso|consigo)\b",
    r"\bnão (?:posso|consigo) (?:ajudar|responder|fornecer|atender)",
    rf"\b(?:mi dispiace|purtroppo|scusa)\b{_NEAR}\bnon (?:posso|sono in grado)\b",
    r"\bnon (?:posso|sono in grado di) (?:aiutar|risponder|fornir)",
    # Dutch, Swedish, Danish, Norwegian, Polish
    rf"\b(?:het spijt me|sorry|helaas)\b{_NEAR}\b(?:kan|mag) ik\b{_NEAR}\b(?:niet|geen)\b",
    rf"\b(?:tyvärr|förlåt|desværre|beklager)\b{_NEAR}\b(?:kan|får) (?:jag|jeg)\b{_NEAR}\b(?:inte|ikke)\b",
    rf"\b(?:przykro mi|przepraszam|niestety)\b{_NEAR}\bnie (?:mogę|jestem w stanie)\b",
    # Japanese, Chinese, Korean
    r"申し訳(?:ありません|ございません)[^。\n]{0,60}?(?:できません|いたしかねます|お答えできません)",
    r"(?:抱歉|对不起|對不起|很遗憾)[^。\n]{0,60}?我(?:不能|无法|無法)",
    r"죄송[^.\n]{0,60}?(?:수 없|어렵습니다)",
)
_REFUSAL = re.compile("|".join(_PHRASES), re.IGNORECASE)


def refuses(text: str) -> bool:
    """True when the beginning of `text` reads as a model declining to answer."""
    return _REFUSAL.search(text[:BEGINNING].replace("\u2019", "'")) is not None
