# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is shown of a log: one line for people, without secrets and addresses of people."""

from __future__ import annotations

import functools
import re
import typing as t

from ..base import redact

#: Characters of an event that are shown, and bytes that are looked at for it.
SHOWN: t.Final = 240
LOOKED_AT: t.Final = 4096
#: Characters of a message that distinguish it from others.
_MESSAGE: t.Final = 160
_PERSON: t.Final = re.compile(rb"(?<![\w.+-])[\w.+-]{1,64}+@[\w-]{1,63}+(?:\.[\w-]{1,63}+){1,8}+")
#: Words with digits: numbers, ids, addresses.
_VOLATILE: t.Final = re.compile(r"\b[^\W\d]*\d[\w-]*")
_DIGITS: t.Final = bytes.maketrans(b"123456789", b"0" * 9)
#: Messages whose fingerprint is remembered.
_SHAPES: t.Final = 4096


def show_line(data: bytes, limit: int = SHOWN) -> str:
    """Return an event as one line for people."""
    hidden = _PERSON.sub(b"<mail>", redact.redact_bytes(data[:LOOKED_AT]))
    text = hidden.decode("utf-8", "replace")
    visible = "".join(letter if letter.isprintable() else " " for letter in text)

    return cut(" ".join(visible.split()), limit)


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
    """Return the fingerprint of a message whose digits are all the same."""
    return _VOLATILE.sub("#", message.decode("utf-8", "surrogatepass"))
