# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A hash over all rows of a table, whatever order they lie in: a sum of the hash of each row."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ..postgresql.connection import Session
from .manifest import TABLE_HASH

#: How a hash of this sort begins; a later sort gets another word.
SORT: t.Final = "rows1:"
#: What the text of a value depends on besides the value.
_SETTINGS: t.Final = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "xmlbinary": "base64",
}
#: ``t.*`` is the row even where a column is called t, and a row's own output function is taken,
#: not a cast that the owner of the table may have made.
_HASH: t.Final = """
SELECT coalesce(sum(('x' || encode(substr(digest, 1, 8), 'hex'))::bit(64)::bigint), 0)::text,
       coalesce(sum(('x' || encode(substr(digest, 9, 8), 'hex'))::bit(64)::bigint), 0)::text
  FROM (SELECT sha256(convert_to(textin(record_out(t.*)), getdatabaseencoding())) AS digest
          FROM ONLY {table} t OFFSET 0) hashed
"""


def hash_rows(session: Session, table: tuple[str, str]) -> str:
    """Return the hash of a table's rows, without those of its children; raises DatabaseError."""
    for name, value in _SETTINGS.items():
        session.value(
            "SELECT set_config(%(name)s, %(value)s, false)", {"name": name, "value": value}
        )
    [sums] = session.rows(_HASH, table=table)

    return SORT + "".join(f"{int(one) % (1 << 64):016x}" for one in sums)


def hash_problem(session: Session, table: Mapping[str, t.Any]) -> str:
    """Return how the rows of a table differ from its entry in a manifest, '' for not at all.

    Also for a table without a hash, and for one with a hash of a sort that a later version made.
    """
    expected = str(table.get(TABLE_HASH) or "")
    if not expected.startswith(SORT):
        return ""
    if hash_rows(session, (table["schema"], table["name"])) == expected:
        return ""

    return f"{table['schema']}.{table['name']} has other rows than the manifest's hash"
