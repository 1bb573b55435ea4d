# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The locale of a dumped database, which a manifest names only as far as the libc goes."""

from __future__ import annotations

import re
import typing as t
from contextlib import closing

from ..backup import programs
from ..backup.programs import Program
from ..base.deadline import Deadline
from ..base.files import open_regular

#: The statement that makes the database is among the first bytes of what pg_restore writes.
_MOST: t.Final = 1 << 20
_PROVIDER: t.Final = re.compile(
    r"^CREATE DATABASE .*? LOCALE_PROVIDER = (icu|builtin)"
    r".*? (?:ICU|BUILTIN)_LOCALE = '((?:[^']|'')*)'",
    re.MULTILINE,
)


def read_locale(pg_restore: str, dump: str, deadline: Deadline) -> dict[str, str]:
    """Return provider and locale of the dumped database as its catalogue has them.

    Empty for a database whose locale is the libc's. Raises ProgramError, TimeoutError, OSError.
    """
    program = Program((pg_restore, "--create", "--schema-only", "--file=-"), programs.harmless())
    text = b""
    with closing(open_regular(dump)) as stream:
        for chunk in programs.reading([program], stream.fileno(), deadline):
            text += chunk
            if len(text) > _MOST or b"\n\\connect" in text:
                break

    found = _PROVIDER.search(text.decode("utf-8", "replace"))
    if not found:
        return {}

    return {"datlocprovider": found[1][0], "datlocale": found[2].replace("''", "'")}
