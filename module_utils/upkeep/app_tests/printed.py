# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a suite printed, without the secrets of its environment."""

from __future__ import annotations

import typing as t
import urllib.parse

from ..base.redact import MASK, is_secret_name, redact
from ..base.text import limit_text

#: Shorter values are not secrets, and would hide half of every sentence.
SHORTEST: t.Final = 4


def secrets_of(environment: t.Mapping[str, str]) -> frozenset[str]:
    """Return the secrets of an environment: values with such a name, passwords in addresses."""
    found = {value for name, value in environment.items() if is_secret_name(name)}
    for value in environment.values():
        login = value.partition("://")[2].partition("/")[0].rpartition("@")[0]
        password = login.partition(":")[2]
        found |= {password, urllib.parse.unquote(password)}

    return frozenset(value for value in found if len(value) >= SHORTEST)


def printable(text: str, secrets: t.Collection[str], limit: int) -> str:
    """Return text as one line of at most ``limit`` characters, without secrets and controls."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)

    text = redact(text)
    clean = "".join(letter if letter.isprintable() else " " for letter in text)

    return limit_text(" ".join(clean.split()), limit)
