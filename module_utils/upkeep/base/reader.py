# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading tables of applications: with a role of its own, never as superuser.

Whoever owns a table decides which code runs when it is read: a view in its place, the cast of a
column, the policy of a row. Such code runs with the rights of the session, whatever ``SET ROLE``
or a read-only transaction restrict: it may take them back, and a superuser's may start programs.
So the session itself must have few rights.

The functions get ``ask``, which returns the rows of a query of the session they are about.
"""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Sequence

#: The role that reads, and the account of the same name that peer authentication lets in.
ROLE: t.Final = "upkeep_read"
#: How both are made.
ONBOARD: t.Final = (
    "ansible-playbook playbooks/onboard_hosts.yml --limit HOST -e preflight_accept=true"
)
#: Settings at the start of a session: names of PostgreSQL mean what PostgreSQL has under them.
STARTUP: t.Final = {"search_path": "pg_catalog,pg_temp"}

Ask = Callable[[str], Sequence[Sequence[t.Any]]]

#: Rights with which code in a table could leave its database, of every role that the session may
#: become.
_POWERS: t.Final = """
SELECT DISTINCT CASE WHEN r.rolsuper THEN 'superuser'
                     WHEN r.rolcreaterole THEN 'CREATEROLE' ELSE r.rolname END
  FROM pg_catalog.pg_roles r
 WHERE pg_catalog.pg_has_role(session_user, r.oid, 'MEMBER')
   AND (r.rolsuper OR r.rolcreaterole OR r.rolname IN (
        'pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files'))
 ORDER BY 1
"""
#: What pg_dump sets for the same reason; servers before 15.8 do not have it.
_RESTRICT: t.Final = """
SELECT pg_catalog.set_config(name, 'view,foreign-table', false)
  FROM pg_catalog.pg_settings WHERE name = 'restrict_nonsystem_relation_kind'
"""


def refusal(ask: Ask) -> str:
    """Return why a session must not read tables of applications, '' when it may.

    What counts is who logged in, not the current role, which code in a table can change back.
    """
    powers = [str(row[0]) for row in ask(_POWERS)]
    if not powers:
        return ""

    rights = "superuser" if "superuser" in powers else powers[0]

    return (
        f"the login has the rights of {rights}, and code in an application's table could use them;"
        f" log in as {ROLE}, which this makes: {ONBOARD}"
    )


def restrict(ask: Ask) -> None:
    """Let the session read tables only, not views and foreign tables, where the server can."""
    ask(_RESTRICT)


def advice(message: str) -> str:
    """Return what to do about the error of a login as the role that reads, '' for other errors."""
    missing = (f'role "{ROLE}" does not exist', f"there is no user '{ROLE}'")
    refused = ("authentication failed for user", "no pg_hba.conf entry")
    if any(words in message for words in missing):
        return f"the role that reads is missing; make it: {ONBOARD}"
    if ROLE in message and any(words in message for words in refused):
        return f"the server does not let {ROLE} in: see pg_hba.conf (local all all peer)"

    return ""
