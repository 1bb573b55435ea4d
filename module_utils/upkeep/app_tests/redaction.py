# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What may be shown of what a suite says: nothing that its environment calls a secret, nothing that looks like one."""

from __future__ import annotations

import re
import typing as t
import urllib.parse

#: Shorter values would hide half of every sentence, and are no secrets.
SHORTEST: t.Final = 4
MASK: t.Final = "***"

_SECRET_NAME: t.Final = re.compile(r"(?i)passw|passphrase|secret|token|key|credential|auth")
_PATTERNS: t.Final = (
    (re.compile(r"(://[^/\s:@]*):[^/\s@]+@"), rf"\1:{MASK}@"),
    (re.compile(r"(?i)\b(bearer|basic) [A-Za-z0-9+/=._~-]{8,}"), rf"\1 {MASK}"),
    (
        re.compile(
            r"(?i)((?:passw(?:or)?d|passphrase|secret|token|api[_-]?key)[\w-]*[\"']?\s{0,3}[=:](?!:)\s{0,3})\S+"
        ),
        rf"\1{MASK}",
    ),
    (
        re.compile(
            r"\b(?:eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|AKIA[0-9A-Z]{16}|gh[opsur]_\w{20,}|sk_(?:live|test)_\w{10,})"
        ),
        MASK,
    ),
)


def secrets_of(environment: t.Mapping[str, str]) -> frozenset[str]:
    """Return the values of an environment that nobody may see: secrets by name, and passwords in addresses."""
    found = {value for name, value in environment.items() if _SECRET_NAME.search(name)}
    for value in environment.values():
        login = value.partition("://")[2].partition("/")[0].rpartition("@")[0]
        password = login.partition(":")[2]
        found |= {password, urllib.parse.unquote(password)}

    return frozenset(value for value in found if len(value) >= SHORTEST)


def shown(text: str, secrets: t.Collection[str], limit: int) -> str:
    """Return a text on one line of at most ``limit`` characters, without secrets and control characters."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)

    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)

    clean = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())

    return clean if len(clean) <= limit else f"{clean[: limit - 4]} ..."
