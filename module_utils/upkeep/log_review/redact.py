# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is shown of a log: without secrets and addresses of people, and without bytes that a terminal would obey.

The same expressions find secrets in logs (SECRET) and take them out of what is shown.
"""

from __future__ import annotations

import functools
import re
import typing as t

#: Characters of an event that are shown, and bytes that are looked at for it.
SHOWN: t.Final = 240
LOOKED_AT: t.Final = 4096
#: Characters of a message that tell it from others.
_MESSAGE: t.Final = 160
_HIDDEN: t.Final = rb"[^\s\"'&,;*<>{}\[\]]{4,}"
#: Values that only say that something was masked, or that there is none.
_HARMLESS: t.Final = (
    rb"(?![\"']?(?:masked|redacted|hidden|removed|filtered|null|none|true|false)\b)"
)
_NAME: t.Final = (
    rb"[Pp]ass(?:word|wd|phrase)|PASS(?:WORD|WD|PHRASE)|[Ss]ecret|SECRET|[Aa]pi[_-]?[Kk]ey|API_?KEY"
    rb"|[Tt]oken|TOKEN|[Pp]rivate_key|[Aa]ccess_key"
)
_QUOTE: t.Final = rb"\\?[\"']"
#: name=value; "name": "value"; name: value, where it does not look like a word ("token: expired").
_ASSIGNED: t.Final = (
    rb"(?:" + _NAME + rb")(?:"
    rb"(?:"
    + _QUOTE
    + rb")?\s{0,3}=\s{0,3}(?:"
    + _QUOTE
    + rb")?"
    + _HARMLESS
    + rb"(?P<value>"
    + _HIDDEN
    + rb")"
    rb"|" + _QUOTE + rb"\s{0,3}:\s{0,3}" + _QUOTE + _HARMLESS + rb"(?P<quoted>" + _HIDDEN + rb")"
    rb"|:\s{0,3}(?=[^\s\"']*\d)" + _HARMLESS + rb"(?P<plain>[^\s\"'&,;*<>{}\[\]]{6,}))"
)
_IN_ADDRESS: t.Final = rb"://[^\s/:@\"']{0,64}:(?P<login>[^\s/@\"'*]{1,256})@"
_BEARER: t.Final = rb"(?:Bearer|Basic) (?P<bearer>[A-Za-z0-9+/=._~-]{8,})"
_KNOWN: t.Final = (
    rb"(?P<known>eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|AKIA[0-9A-Z]{16}|gh[opsur]_[0-9A-Za-z]{20,}|xox[abprs]-[\w-]{10,}"
    rb"|sk_(?:live|test)_[0-9A-Za-z]{10,}|-----BEGIN [A-Z ]*PRIVATE KEY-----)"
)
SECRET: t.Final = re.compile(b"|".join((_ASSIGNED, _IN_ADDRESS, _BEARER, _KNOWN)))
_PERSON: t.Final = re.compile(rb"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_COOKIE: t.Final = re.compile(rb"((?:[Ss]et-)?[Cc]ookie[\"']?\s*[:=]\s*)[^\r\n]+")

#: Words with digits: numbers, ids, addresses.
_VOLATILE: t.Final = re.compile(r"\b[^\W\d]*\d[\w-]*")
_DIGITS: t.Final = bytes.maketrans(b"123456789", b"0" * 9)
#: Messages whose fingerprint is remembered.
_SHAPES: t.Final = 4096


def redact(data: bytes) -> bytes:
    """Return what may be shown of some bytes of a log."""
    hidden = SECRET.sub(_masked, data)
    hidden = _COOKIE.sub(rb"\1***", hidden)
    return _PERSON.sub(b"<mail>", hidden)


def _masked(match: re.Match[bytes]) -> bytes:
    name = t.cast(str, match.lastgroup)
    start, end = match.start(name) - match.start(), match.end(name) - match.start()
    return match[0][:start] + b"***" + match[0][end:]


def line(data: bytes, limit: int = SHOWN) -> str:
    """Return an event as one line for people."""
    text = redact(data[:LOOKED_AT]).decode("utf-8", "replace")
    return cut(
        " ".join("".join(letter if letter.isprintable() else " " for letter in text).split()), limit
    )


def cut(text: str, limit: int = SHOWN) -> str:
    """Return a text of at most ``limit`` characters."""
    return text if len(text) <= limit else f"{text[: limit - 4]} ..."


def fingerprint(message: str) -> str:
    """Return a message without the numbers and ids that make each one different.

    It still has to be redacted.
    """
    first = message.split("\n", 1)[0][:_MESSAGE]
    return _shape(first.encode("utf-8", "surrogatepass").translate(_DIGITS))


@functools.lru_cache(_SHAPES)
def _shape(message: bytes) -> str:
    """Return the fingerprint of a message whose digits are all the same, so that it is found again."""
    return _VOLATILE.sub("#", message.decode("utf-8", "surrogatepass"))
