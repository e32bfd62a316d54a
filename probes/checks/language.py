"""Which language a text is in: by its script, and by the small words that only one language uses so often."""

from __future__ import annotations

import re
from collections.abc import Mapping

LOOKED_AT = 4_000  # characters
COUNTED = 500_000  # characters whose words are counted
FEWEST = 3  # small words that have to be met before a language is named
AHEAD = 1.35  # times as many as of the next language

NAMES: Mapping[str, str] = {
    "en": "English", "de": "German", "fr": "French", "es": "Spanish", "it": "Italian", "pt": "Portuguese",
    "nl": "Dutch", "sv": "Swedish", "da": "Danish", "no": "Norwegian", "fi": "Finnish",
    "pl": "Polish", "cs": "Czech", "tr": "Turkish",
    "ro": "Romanian", "hu": "Hungarian", "id": "Indonesian", "vi": "Vietnamese", "ru": "Russian", "uk": "Ukrainian",
    "el": "Greek", "he": "Hebrew", "ar": "Arabic", "hi": "Hindi", "th": "Thai", "zh": "Chinese", "ja": "Japanese",
    "ko": "Korean",
}  # fmt: skip
_SMALL: Mapping[str, frozenset[str]] = {
    code: frozenset(words.split())
    for code, words in {
        "en": "the and is are of to in that for with you your we our it this was have has be on at as will can from not"
        " would please any an if or what how do my i",
        "de": "der die das und ist sind nicht ein eine einen zu mit für auf wir sie ihr ihre ich es im von dem den bei"
        " auch wie kann können haben wird werden uns um als oder noch sich",
        "fr": "le la les et est sont pas un une des du de pour avec sur nous vous votre je il elle dans que qui ce"
        " cette au aux être avons avez peut plus ou à été",
        "es": "el la los las y es son no un una del de para con por nosotros usted su en que se como más pero está"
        " puede tiene al lo hay este esta sus nuestro",
        "it": "il lo la gli le e è sono non un una di del della per con su noi voi che si come più ma può ha nel alla"
        " questo questa ci dei anche sua",
        "pt": "o a os as e é são não um uma do da de para com por nós você sua em que se como mais mas pode tem ao no"
        " na este esta seu dos das está",
        "nl": "de het een en is zijn niet van te met voor op wij we u uw ik in dat die er ook aan kan kunnen hebben"
        " wordt bij om als of nog naar",
        "sv": "och är det att en ett som på för med vi du din jag inte har kan av till den om vill eller när från så"
        " också ska",
        "da": "og er det at en et som på for med vi du din jeg ikke har kan af av til den om vil eller når fra så også"
        " skal være blev ble",
        "fi": "ja on ei se että en hän mutta ovat kun niin voi tai myös joka sen ole olen me te sinun meidän voit jos"
        " kanssa oli",
        "pl": "i w na nie się z jest do że to o jak za od dla po ale są przez czy może być tym ten ta lub oraz pan pani"
        " możemy proszę",
        "cs": "a v na se je že to s z do o jak za od pro po ale jsou nebo může být ten ta který můžeme vás vám není"
        " prosím",
        "tr": "ve bir bu için ile de da ne var çok olarak gibi daha mi değil ben siz size biz olan en kadar ama veya"
        " lütfen saat",
        "ro": "și este nu un o de la în cu pe că se pentru din sunt sau mai care să vă ne dar poate aveți avem al ai",
        "hu": "a az és nem van egy hogy is de ez meg csak már ha vagy mint lesz kell önnek mi még el ön volt",
        "id": "dan yang di ini itu untuk dengan tidak dari pada adalah anda kami akan ada atau juga bisa saya ke dalam",
        "vi": "và là của có không được cho với các một những này trong khi để bạn chúng tôi đã sẽ người",
        "ru": "и в не на что с по это как к но из у за от так мы вы для или есть вас был бы",
        "uk": "і в не на що з по це як до але у за від так ми ви для або є вас був би та",
    }.items()
}  # fmt: skip
_ALIKE = {"no": "da"}  # what small words do not tell apart
_WORD = re.compile(r"[^\W\d_]+")
_SCRIPTS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("ja", re.compile("[\u3040-\u30ff]")),
    ("ko", re.compile("[\uac00-\ud7af]")),
    ("zh", re.compile("[\u4e00-\u9fff]")),
    ("th", re.compile("[\u0e00-\u0e7f]")),
    ("hi", re.compile("[\u0900-\u097f]")),
    ("ar", re.compile("[\u0600-\u06ff]")),
    ("he", re.compile("[\u0590-\u05ff]")),
    ("el", re.compile("[\u0370-\u03ff]")),
)
_UNSPACED = re.compile("[\u3040-\u30ff\u4e00-\u9fff\u0e00-\u0e7f]")


def code_of(name: str) -> str:
    """The code of a language by its code or its English name; raises ValueError."""
    low = name.strip().lower() if isinstance(name, str) else ""
    if low in NAMES:
        return low
    found = next((code for code, full in NAMES.items() if full.lower() == low), "")
    if not found:
        raise ValueError(f"{name!r} is no language that is told apart here; write one of {', '.join(NAMES)}")
    return found


def is_in(text: str, code: str) -> bool | None:
    """Whether `text` is in a language, None when there is too little to tell. Danish and Norwegian count as one."""
    found = language_of(text)
    return found == _ALIKE.get(code, code) if found else None


def language_of(text: str) -> str:
    """The code of the language that `text` is in, "" when there is too little to tell, or several look alike."""
    text = text[:LOOKED_AT]
    letters = sum(map(str.isalpha, text))
    for code, script in _SCRIPTS:
        met = len(script.findall(text))
        # Two scripts go with Chinese characters; what has kana among them is Japanese.
        if met >= 4 and met * (6 if code == "ja" else 2) >= letters:
            return code
    words = _WORD.findall(text.casefold())
    counts = {code: sum(word in small for word in words) for code, small in _SMALL.items()}
    first, second = sorted(counts, key=lambda code: -counts[code])[:2]
    if counts[first] < FEWEST or counts[first] < AHEAD * counts[second]:
        return ""
    return first


def words_in(text: str) -> int:
    """How many words: runs of letters and digits; where no space divides them, each character counts as one. Of a text
    that goes on and on, those of its beginning.
    """
    text = text[:COUNTED]
    unspaced = len(_UNSPACED.findall(text))
    return unspaced + len(re.findall(r"\w+(?:['\u2019.,:-]\w+)*", _UNSPACED.sub(" ", text)))
