# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Changing one table for another of the same shape, with what hangs on it, in one transaction."""

from __future__ import annotations

import typing as t

from ..base.text import list_some
from ..postgresql.connection import DatabaseError, Session
from .server import escaped

TableName = tuple[str, str]

#: Kinds of tables that are not changed for another one by moving it.
_TABLE: t.Final = """
SELECT c.oid, c.relkind, pg_get_userbyid(c.relowner),
       c.relispartition OR EXISTS (SELECT 1 FROM pg_inherits i
                                    WHERE c.oid IN (i.inhrelid, i.inhparent))
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %(schema)s AND c.relname = %(name)s
"""
_COLUMNS: t.Final = """
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
 WHERE attrelid = %(oid)s AND attnum > 0 AND NOT attisdropped ORDER BY 1
"""
#: What refers to the table, or to the type of its rows, and would go on to mean the old one. What
#: is the table's own, as a computed column, a trigger or a policy, comes with the restored one.
_DEPENDENTS: t.Final = """
SELECT DISTINCT pg_describe_object(d.classid, d.objid, 0)
  FROM pg_depend d LEFT JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
  LEFT JOIN pg_class v ON v.oid = r.ev_class
 WHERE d.deptype = 'n' AND d.classid <> 'pg_constraint'::regclass
   AND (d.refclassid = 'pg_class'::regclass AND d.refobjid = %(oid)s
        OR d.refclassid = 'pg_type'::regclass AND d.refobjid IN (
           SELECT oid FROM pg_type WHERE typrelid = %(oid)s
           UNION SELECT typarray FROM pg_type WHERE typrelid = %(oid)s))
   AND v.relkind IS DISTINCT FROM 'v' AND v.oid IS DISTINCT FROM %(oid)s
   AND (d.classid, d.objid) NOT IN (
       SELECT 'pg_attrdef'::regclass, oid FROM pg_attrdef WHERE adrelid = %(oid)s
       UNION SELECT 'pg_trigger'::regclass, oid FROM pg_trigger WHERE tgrelid = %(oid)s
       UNION SELECT 'pg_policy'::regclass, oid FROM pg_policy WHERE polrelid = %(oid)s)
"""
_VIEWS: t.Final = """
SELECT DISTINCT n.nspname, v.relname, pg_get_viewdef(v.oid), v.reloptions
  FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_class v ON v.oid = r.ev_class
  JOIN pg_namespace n ON n.oid = v.relnamespace
 WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
   AND d.refobjid = %(oid)s AND v.relkind = 'v'
"""
_FOREIGN_KEYS: t.Final = """
SELECT n.nspname, c.relname, k.conname, pg_get_constraintdef(k.oid), k.conrelid = %(oid)s
  FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE k.contype = 'f' AND (k.conrelid = %(oid)s OR k.confrelid = %(oid)s)
"""


class LiveTable(t.NamedTuple):
    """A table, by its number, with its owner and its columns with their types."""

    oid: int
    owner: str
    columns: list[list[str]]


def find_table(session: Session, table: TableName) -> LiveTable | None:
    """Return a table, None without one; raises DatabaseError for what is not a plain table."""
    rows = session.rows(_TABLE, {"schema": table[0], "name": table[1]})
    if not rows:
        return None

    [(oid, kind, owner, is_part)] = rows
    if kind != "r" or is_part:
        raise DatabaseError(f"{table[1]!r} is not a table of its own; restore the whole database")

    return LiveTable(oid, owner, [list(row) for row in session.rows(_COLUMNS, {"oid": oid})])


def require_movable(session: Session, oid: int) -> None:
    """Raise DatabaseError when something would go on to refer to the old table."""
    if found := [str(name) for (name,) in session.rows(_DEPENDENTS, {"oid": oid})]:
        raise DatabaseError(
            f"{list_some(found, 3)} would go on to use the old table; restore the whole database"
        )


def swap_table(session: Session, table: TableName, side: str, kept: str) -> None:
    """Move the table to the schema ``kept``, and the one of the same name in ``side`` in its place.

    Foreign keys and views then mean the new one. All of it is done, or nothing.
    """
    session.execute("BEGIN")
    try:
        live = find_table(session, table)
        session.execute("CREATE SCHEMA IF NOT EXISTS {kept}", kept=(kept,))
        if live:
            _replace(session, table, live.oid, side, kept)
        else:
            _move(session, (side, table[1]), table[0])
        session.execute("DROP SCHEMA {side}", side=(side,))
        session.execute("COMMIT")
    except DatabaseError:
        if not session.lost:
            session.execute("ROLLBACK")
        raise


def _replace(session: Session, table: TableName, oid: int, side: str, kept: str) -> None:
    session.execute("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE", table=table)
    require_movable(session, oid)
    views = session.rows(_VIEWS, {"oid": oid})
    keys = session.rows(_FOREIGN_KEYS, {"oid": oid})
    for schema, name, key, _, _ in keys:  # its own too: what is kept must not hold others back
        session.execute(
            "ALTER TABLE {table} DROP CONSTRAINT {key}", table=(schema, name), key=(key,)
        )

    _move(session, table, kept)
    _move(session, (side, table[1]), table[0])

    for schema, name, key, definition, is_own in keys:
        place = table if is_own else (schema, name)
        if is_own and _has_key(session, table, key):
            continue
        session.execute(
            f"ALTER TABLE {{table}} ADD CONSTRAINT {{key}} {escaped(definition)}",
            table=place,
            key=(key,),
        )
    for schema, name, definition, options in views:
        with_options = f" WITH ({', '.join(options)})" if options else ""
        session.execute(
            f"CREATE OR REPLACE VIEW {{view}}{escaped(with_options)} AS {escaped(definition)}",
            view=(schema, name),
        )


def _has_key(session: Session, table: TableName, key: str) -> bool:
    query = (
        "SELECT 1 FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid"
        " JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %(schema)s AND c.relname = %(name)s AND k.conname = %(key)s"
    )

    return bool(session.rows(query, {"schema": table[0], "name": table[1], "key": key}))


def _move(session: Session, table: TableName, schema: str) -> None:
    session.execute("ALTER TABLE {table} SET SCHEMA {schema}", table=table, schema=(schema,))
