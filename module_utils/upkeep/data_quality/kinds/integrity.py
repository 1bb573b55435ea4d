# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``integrity``: are references whole, constraints in force and the storage undamaged?"""

from __future__ import annotations

import shutil
import subprocess
import typing as t
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from ...base import reader
from ...base.login import Login, connection_parameters
from ...base.options import Options, option
from ...base.text import list_some, visible
from ...findings import Finding, Limits
from .. import sql
from ..check import DataCheck, Kind
from ..options import SCHEMA, SQL
from ..sources import Source, SourceError

#: Names in a message; a damaged database can have thousands.
NAMED: t.Final = 5
BINARIES: t.Final = Path("/usr/lib/postgresql")

DESCRIPTION: t.Final = (
    "looks for rows that refer to nothing, constraints that are not in force, and damaged storage"
)
OPTIONS: t.Final[Options] = {
    **SQL,
    "references": option(
        "list",
        "Columns that refer to rows of another table.",
        elements="dict",
        options={
            **SCHEMA,
            "table": option("str", "The table.", required=True, min_length=1),
            "column": option("str", "Its column.", required=True, min_length=1),
            "parent_schema": option("str", "Schema of the other table.", default="public"),
            "parent": option("str", "The other table.", required=True, min_length=1),
            "parent_column": option("str", "Column of the other table.", default="id"),
        },
    ),
    "amcheck": option(
        "bool",
        "Whether C(pg_amcheck) reads all tables and indexes. Needs the extension amcheck in the "
        "database.",
        default=False,
    ),
}

_CONSTRAINTS: t.Final = """
SELECT format('%%s on %%s is not validated', c.conname, c.conrelid::regclass)
  FROM pg_constraint c
 WHERE NOT c.convalidated AND c.contype IN ('c', 'f')
UNION ALL
SELECT format('the trigger of %%s on %%s is disabled',
              coalesce(c.conname, t.tgname), t.tgrelid::regclass)
  FROM pg_trigger t LEFT JOIN pg_constraint c ON c.oid = t.tgconstraint
 WHERE t.tgisinternal AND t.tgenabled = 'D' AND t.tgconstraint <> 0
 ORDER BY 1
"""
_ORPHANS: t.Final = (
    "count(*) FILTER (WHERE c.{column_#} IS NOT NULL AND NOT EXISTS "
    "(SELECT 1 FROM {parent_#} p WHERE p.{key_#} = c.{column_#}))"
)
#: Functions of the extension, and those of them that the session may not call.
_AMCHECK: t.Final = """
SELECT count(*), count(*) FILTER (WHERE NOT has_function_privilege(d.objid, 'EXECUTE'))
  FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
   AND d.refclassid = CAST('pg_extension' AS regclass)
 WHERE e.extname = 'amcheck' AND d.deptype = 'e' AND d.classid = CAST('pg_proc' AS regclass)
"""
#: Errors of pg_amcheck that are not damage, although its exit code is the same.
_NOT_DAMAGE: t.Final = ("canceling statement due to", "permission denied", "terminating connection")


def probe(check: DataCheck, source: Source) -> Iterator[Finding]:
    """Yield the findings on a database; raises SourceError."""
    if source.login is not None:
        yield _constraints(check, source)

    yield from _references(check, source)
    if check.options["amcheck"] and source.login is not None:
        yield _amcheck(check, source, source.login)


def _constraints(check: DataCheck, source: Source) -> Finding:
    loose = [str(row[0]) for row in source.rows(_CONSTRAINTS, {}, {}, check.timeout)]
    message = "Every foreign key and check constraint is validated and in force"
    if loose:
        message = list_some(loose, NAMED)

    return check.subject("constraints").measured(
        len(loose),
        Limits(warning=0),
        message,
        "clean the rows, then ALTER TABLE ... VALIDATE CONSTRAINT or ENABLE TRIGGER ALL",
        aspect="constraints",
    )


def _references(check: DataCheck, source: Source) -> Iterator[Finding]:
    """Yield for each declared reference how many rows refer to nothing; one query per table."""
    by_table: dict[tuple[str, str], list[Mapping[str, t.Any]]] = defaultdict(list)
    for reference in check.options["references"] or ():
        by_table[reference["schema"], reference["table"]].append(reference)

    for table, references in by_table.items():
        names: dict[str, t.Sequence[str]] = {"child": table}
        parts = []
        for number, reference in enumerate(references):
            names[f"column_{number}"] = (reference["column"],)
            names[f"parent_{number}"] = (reference["parent_schema"], reference["parent"])
            names[f"key_{number}"] = (reference["parent_column"],)
            parts.append(_ORPHANS.replace("#", str(number)))

        query = " ".join(("SELECT", ", ".join(parts), "FROM {child} c"))
        [counts] = source.rows(query, {}, names, check.timeout)
        for reference, count in zip(references, counts, strict=True):
            yield _orphans(check, reference, count)


def _orphans(check: DataCheck, reference: Mapping[str, t.Any], count: int) -> Finding:
    column = f"{reference['table']}.{reference['column']}"
    parent = f"{reference['parent']}.{reference['parent_column']}"
    limits = check.limits("orphans")
    limits = limits if limits.numbers else Limits(warning=0)
    message = f"Every {column} has its row in {parent}"
    if count:
        message = f"{count} rows of {column} have none in {parent}"

    return check.subject("orphans", column).measured(
        count,
        limits,
        message,
        "find out who deleted those before cleaning up",
        aspect="orphans",
        unit="rows",
        status="info" if count and limits.judge(count) == "ok" else "",
    )


def _amcheck(check: DataCheck, source: Source, login: Login) -> Finding:
    """Return what PostgreSQL's own tool reports on tables and indexes; its locks block nobody."""
    functions, forbidden = source.rows(_AMCHECK, {}, {}, check.timeout)[0]
    if not functions:
        message = f"The extension amcheck is missing: CREATE EXTENSION amcheck in {check.place}."
        return check.finding("unknown", message, aspect="amcheck")
    if forbidden:
        message = f"The login may not call {forbidden} functions of amcheck: {reader.ONBOARD}"
        return check.finding("unknown", message, aspect="amcheck")

    tool = find_tool()
    if tool is None:
        message = "pg_amcheck is not installed: install the package of the server's client tools."
        return check.finding("unknown", message, aspect="amcheck")

    try:
        done = subprocess.run(  # noqa: S603 - argv list; the name is one argument
            [tool, "--no-password", f"--database={_pattern(check.place)}"],
            env=tool_environment(login, check.timeout),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=check.timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        message = f"pg_amcheck took more than {check.timeout:g} s and was stopped: raise timeout."
        return check.finding("unknown", message, aspect="amcheck")
    except OSError as error:
        raise SourceError(f"{tool} cannot be started: {error}") from error

    return _reported(check, done)


def _reported(check: DataCheck, done: subprocess.CompletedProcess[bytes]) -> Finding:
    """Return the finding for what pg_amcheck printed and its exit code."""
    lines = (done.stdout + done.stderr).decode("utf-8", "replace").splitlines()
    output = visible(" ".join(" ".join(lines).split()))[:400]
    errors = [line for line in lines if "ERROR:" in line or "FATAL:" in line]
    harmless = [line for line in errors if any(words in line for words in _NOT_DAMAGE)]
    if done.returncode not in (0, 2) or (errors and len(harmless) == len(errors)):
        return check.finding("unknown", f"pg_amcheck failed: {output}", aspect="amcheck")

    damaged = done.returncode == 2
    message = "pg_amcheck finds tables and indexes undamaged."
    if damaged:
        message = "pg_amcheck finds damage: stop writers, copy the data folder, then restore."

    return check.finding(
        "critical" if damaged else "ok",
        f"{message} {output}" if damaged else message,
        aspect="amcheck",
        observed="damaged" if damaged else "undamaged",
        expected="undamaged",
    )


def find_tool() -> str | None:
    """Return the path of the newest pg_amcheck on this host, None when there is none."""
    found = sorted(BINARIES.glob("*/bin/pg_amcheck"), key=lambda path: path.parts[-3].zfill(4))

    return str(found[-1]) if found else shutil.which("pg_amcheck")


def tool_environment(login: Login, seconds: float) -> dict[str, str]:
    """Return the whole environment of pg_amcheck: the login, and nothing of ours.

    Variables of libpq that we have would lead it to another server.
    """
    names = {"sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT"}
    parameters = connection_parameters(login)
    given = {names.get(key, f"PG{key.upper()}"): str(value) for key, value in parameters.items()}

    return {
        **given,
        # The server ends what the tool would leave behind when it is killed.
        "PGOPTIONS": f"-c statement_timeout={int(seconds * 1000)} -c lock_timeout=2000",
        "LC_ALL": "C.UTF-8",
        "PATH": "/usr/bin:/bin",
    }


def _pattern(database: str) -> str:
    """Return the pattern that fits one database only; in quotes every letter is itself."""
    return '"' + database.replace('"', '""') + '"'


def _validate(check: DataCheck) -> Iterator[str]:
    if check.source == "sqlite" and check.options["amcheck"]:
        yield "amcheck is for PostgreSQL; the job db_maintenance checks SQLite files"


def _describe(entry: Mapping[str, t.Any]) -> str:
    columns = [f"`{one['table']}.{one['column']}`" for one in entry.get("references") or ()]
    orphans = f", orphans of {', '.join(columns)}" if columns else ""
    damage = ", damage by `pg_amcheck`" if entry.get("amcheck") else ""

    return f"constraints of {sql.place(entry)}{orphans}{damage}"


KIND: t.Final = Kind(
    prefix="integrity",
    description=DESCRIPTION,
    options=OPTIONS,
    aspects={"orphans": "above", "constraints": None, "amcheck": None},
    probe=probe,
    describe=_describe,
    validate=_validate,
)
