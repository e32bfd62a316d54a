"""Bytes to text in the character set a reply declares, when it is one that people use."""

from __future__ import annotations

import re

# Never `codecs.lookup` of what a target says: Python keeps every unknown name, and among its codecs are some that take
# quadratic time (punycode) or are no character set at all (rot13, zlib).
_KNOWN = re.compile(
    r"utf-?(?:8|16|32)|utf-(?:16|32)[lb]e|us-ascii|ascii|iso-?8859-(?:[1-9]|1[013-6])|latin-?1"
    r"|windows-125[0-8]|cp(?:125[0-8]|437|85[0258]|866|874|932|949|950)|koi8-[ru]|shift-?jis|sjis|euc-?(?:jp|kr)"
    r"|iso-?2022-(?:jp|kr)|gb2312|gbk|gb18030|big5|tis-?620|mac-?(?:roman|cyrillic)"
)
_DECLARED = re.compile(r";\s*charset\s*=\s*[\"']?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)


def charset(content_type: str) -> str:
    """The character set a Content-Type declares, if it is a known one; else utf-8."""
    found = _DECLARED.search(content_type[:1_000])
    name = found[1].lower().replace("_", "-") if found else "utf-8"
    return name if _KNOWN.fullmatch(name) else "utf-8"


def decode(body: bytes, content_type: str) -> str:
    """`body` as text, without a byte-order mark; what cannot be read becomes \ufffd."""
    return body.decode(charset(content_type), "replace").removeprefix("\ufeff")
