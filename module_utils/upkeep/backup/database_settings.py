# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settings and rights of a database itself, which a dump holds only as part of making it."""

from __future__ import annotations

import typing as t

from ..postgresql.connection import Session

#: The facts of an artefact with the rows of ``read_settings`` and of ``read_grants``.
SETTINGS: t.Final = "database_settings"
GRANTS: t.Final = "database_grants"
_SETTINGS: t.Final = """
SELECT pg_get_userbyid(s.setrole), s.setrole <> 0, unnest(s.setconfig)
  FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
 WHERE d.datname = %(name)s ORDER BY 1, 3
"""
_GRANTS: t.Final = """
SELECT a.grantee <> 0, pg_get_userbyid(a.grantee), a.privilege_type, a.is_grantable
  FROM pg_database d, aclexplode(d.datacl) a WHERE d.datname = %(name)s ORDER BY 2, 3
"""


def read_settings(session: Session, database: str) -> list[list[t.Any]]:
    """Return role, whether it is one, and ``name=value`` of each setting."""
    return [list(row) for row in session.rows(_SETTINGS, {"name": database})]


def read_grants(session: Session, database: str) -> list[list[t.Any]]:
    """Return whether a right is a role's, the role, the right, and whether it may be given on.

    Empty when the rights are those of a new database.
    """
    return [list(row) for row in session.rows(_GRANTS, {"name": database})]


def settings_facts(session: Session, database: str) -> dict[str, t.Any]:
    """Return both as facts of an artefact."""
    return {
        SETTINGS: read_settings(session, database),
        GRANTS: read_grants(session, database),
    }
