# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look at the role that reads, decide what it lacks, and give it that."""

from __future__ import annotations

import contextlib
import typing as t
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..base import isolated, options, reader
from ..base.isolated import IsolatedError
from ..base.login import Login
from ..base.text import visible
from ..findings import Finding, finding
from ..postgresql.connection import DatabaseError, DriverMissingError, Session, open_session
from .options import OPTIONS

CHECK: t.Final = f"reader:{reader.ROLE}"
#: What the role may do besides: read every table, and see statistics.
MEMBER_OF: t.Final = ("pg_read_all_data", "pg_monitor")
#: Column of pg_roles -> attribute of CREATE ROLE, and whether the role has it.
ATTRIBUTES: t.Final[Mapping[str, tuple[str, bool]]] = {
    "rolcanlogin": ("LOGIN", True),
    "rolsuper": ("SUPERUSER", False),
    "rolinherit": ("INHERIT", True),
    "rolcreatedb": ("CREATEDB", False),
    "rolcreaterole": ("CREATEROLE", False),
    "rolreplication": ("REPLICATION", False),
    "rolbypassrls": ("BYPASSRLS", True),
}
LOCK_MS: t.Final = 2000

_ATTRIBUTES: t.Final = """
SELECT rolcanlogin, rolsuper, rolinherit, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls
  FROM pg_roles WHERE rolname = %(role)s
"""
_MEMBER_OF: t.Final = """
SELECT r.rolname FROM pg_auth_members m
  JOIN pg_roles r ON r.oid = m.roleid JOIN pg_roles u ON u.oid = m.member
 WHERE u.rolname = %(role)s
"""
_DATABASES: t.Final = """
SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname
"""
#: Functions of the extension amcheck that the role may not call yet; pg_amcheck calls them.
_AMCHECK: t.Final = """
SELECT CAST(CAST(p.oid AS regprocedure) AS text) FROM pg_proc p
  JOIN pg_depend d ON d.objid = p.oid AND d.classid = CAST('pg_proc' AS regclass)
   AND d.deptype = 'e' AND d.refclassid = CAST('pg_extension' AS regclass)
  JOIN pg_extension e ON e.oid = d.refobjid
 WHERE e.extname = 'amcheck' AND NOT coalesce(
       has_function_privilege(CAST(to_regrole(%(role)s) AS oid), p.oid, 'EXECUTE'), false)
 ORDER BY 1
"""


class ReaderError(Exception):
    """The role could not be made; the message says why."""


@dataclass(frozen=True)
class ReaderRole:
    """What a server has of the role: its attributes (None without a role) and memberships."""

    attributes: Mapping[str, bool] | None
    member_of: Sequence[str]


def run(values: Mapping[str, t.Any], *, check_mode: bool) -> dict[str, t.Any]:
    """Return the module's answer; raises OptionError, and ReaderError where it cannot be made."""
    given = options.parse(OPTIONS, values)
    login = Login.of(given)
    account = (given["run_as"] or None) if login.local else None
    make = given["make"]
    apply = make and not check_mode

    answers, problem = isolated.run(lambda: _work(login, apply), given["seconds"], account)
    if problem and make:
        raise ReaderError(f"the role {reader.ROLE} cannot be made: {problem}")

    statements = [f"{answer['database']}: {one}" for answer in answers for one in answer["missing"]]

    return {
        "changed": make and bool(statements),
        "findings": [_finding(statements, problem, make=make, applied=apply)],
        "diff": {"before": "", "after": "".join(f"{one};\n" for one in statements)},
    }


def _finding(statements: Sequence[str], problem: str, *, make: bool, applied: bool) -> Finding:
    if problem:
        return finding(CHECK, "unknown", f"Whether {reader.ROLE} exists is not known: {problem}.")
    if applied or not statements:
        return finding(CHECK, "ok", f"The role {reader.ROLE} may read tables of applications.")

    count = f"{len(statements)} statements"
    if make:
        return finding(CHECK, "info", f"The role {reader.ROLE} would be made by {count}.")

    lacks = f"The role {reader.ROLE} is missing or incomplete ({count} to run)"

    return finding(CHECK, "warning", f"{lacks}. Make it: {reader.ONBOARD}")


def _work(login: Login, apply: bool) -> Iterator[dict[str, t.Any]]:
    """Yield what the role lacks, by database, and give it that; raises IsolatedError."""
    with _session(login, "postgres") as session:
        databases = [str(row[0]) for row in session.rows(_DATABASES)]
        missing = role_statements(_role(session))
        yield _given(session, "postgres", missing, apply)

    for database in databases:
        with _session(login, database) as session:
            yield _given(session, database, _amcheck_statements(session), apply)


def _given(session: Session, database: str, missing: list[str], apply: bool) -> dict[str, t.Any]:
    for statement in missing if apply else ():
        session.execute(statement)

    return {"database": visible(database), "missing": missing}


def _role(session: Session) -> ReaderRole:
    role = {"role": reader.ROLE}
    rows = session.rows(_ATTRIBUTES, role)
    attributes = dict(zip(ATTRIBUTES, rows[0], strict=True)) if rows else None

    return ReaderRole(attributes, [row[0] for row in session.rows(_MEMBER_OF, role)])


def role_statements(role: ReaderRole) -> list[str]:
    """Return what makes the role, or what it lacks, and takes away what it must not have."""
    wanted = [name if has else f"NO{name}" for name, has in ATTRIBUTES.values()]
    right = {column: has for column, (_, has) in ATTRIBUTES.items()}
    statements = []
    if role.attributes is None:
        statements.append(f"CREATE ROLE {reader.ROLE} {' '.join(wanted)}")
    elif dict(role.attributes) != right:
        statements.append(f"ALTER ROLE {reader.ROLE} {' '.join(wanted)}")

    missing = [name for name in MEMBER_OF if name not in role.member_of]

    return statements + [f"GRANT {name} TO {reader.ROLE}" for name in missing]


def _amcheck_statements(session: Session) -> list[str]:
    functions = [row[0] for row in session.rows(_AMCHECK, {"role": reader.ROLE})]

    return [f"GRANT EXECUTE ON FUNCTION {function} TO {reader.ROLE}" for function in functions]


@contextlib.contextmanager
def _session(login: Login, database: str) -> Iterator[Session]:
    try:
        session = open_session(login, database, LOCK_MS)
    except (DatabaseError, DriverMissingError) as error:
        raise IsolatedError(f"database {visible(database)}: {error}") from error

    try:
        yield session
    except DatabaseError as error:
        raise IsolatedError(f"database {visible(database)}: {error}") from error
    finally:
        session.close()
