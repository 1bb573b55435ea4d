# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Environment files in systemd's format."""

from __future__ import annotations

import re
import shlex
import typing as t

_LINE: t.Final = re.compile(r"^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)$")


def parse(text: str) -> dict[str, str]:
    """Return the variables of an environment file.

    The format is that of systemd.exec(5), and ``export`` as shells have it.
    """
    found = {}
    for line in text.replace("\\\n", "").splitlines():
        matched = _LINE.match(line.strip())
        if matched:
            found[matched[1]] = _unquoted(matched[2].strip())

    return found


def _unquoted(value: str) -> str:
    if value[:1] not in ("'", '"'):
        return value

    try:
        return "".join(shlex.split(value)[:1])
    except ValueError:  # a quote that is never closed
        return value
