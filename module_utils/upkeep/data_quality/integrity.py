# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``integrity``: do rows refer to rows that exist, are constraints in force, is the storage undamaged?"""

from __future__ import annotations

import os
import shutil
import subprocess
import typing as t
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from ..findings import Finding
from ..base.login import Login
from .settings import Check
from .sources import Source, SourceError

#: Names that are told; a damaged database can have thousands.
TOLD: t.Final = 5
BINARIES: t.Final = Path("/usr/lib/postgresql")

_CONSTRAINTS: t.Final = """
SELECT format('%%s on %%s is not validated', c.conname, c.conrelid::regclass) FROM pg_constraint c
 WHERE NOT c.convalidated AND c.contype IN ('c', 'f')
UNION ALL
SELECT format('the trigger of %%s on %%s is switched off', coalesce(c.conname, t.tgname), t.tgrelid::regclass)
  FROM pg_trigger t LEFT JOIN pg_constraint c ON c.oid = t.tgconstraint
 WHERE t.tgisinternal AND t.tgenabled = 'D' AND t.tgconstraint <> 0
 ORDER BY 1
"""
_AMCHECK: t.Final = "SELECT count(*) FROM pg_extension WHERE extname = 'amcheck'"


def look(check: Check, source: Source, login: Login) -> Iterator[Finding]:
    """Yield the findings on a database; raises SourceError."""
    if check.source == "database":
        yield _constraints(check, source)

    yield from _references(check, source)
    if check.options.get("amcheck"):
        yield _amcheck(check, source, login)


def _constraints(check: Check, source: Source) -> Finding:
    loose = [str(row[0]) for row in source.rows(_CONSTRAINTS, {}, {}, check.timeout)]
    if not loose:
        message = "Every foreign key and check constraint is validated and in force."
        return check.finding("constraints", "ok", message, observed=0, expected=0)

    message = f"{_some(loose)}: clean the rows, then ALTER TABLE ... VALIDATE CONSTRAINT or ENABLE TRIGGER ALL."

    return check.finding("constraints", "warning", message, observed=len(loose), expected=0)


def _references(check: Check, source: Source) -> Iterator[Finding]:
    """Yield for each declared reference how many rows point to nothing.

    One question for each table.
    """
    by_table: dict[tuple[str, str], list[dict[str, t.Any]]] = defaultdict(list)
    for reference in check.options.get("references") or ():
        by_table[reference["schema"], reference["table"]].append(reference)

    for table, references in by_table.items():
        names: dict[str, t.Sequence[str]] = {"child": table}
        parts = []
        for number, reference in enumerate(references):
            names |= {
                f"column_{number}": (reference["column"],),
                f"parent_{number}": (reference["parent_schema"], reference["parent"]),
                f"key_{number}": (reference["parent_column"],),
            }
            parts.append(
                "count(*) FILTER (WHERE c.{column_#} IS NOT NULL AND NOT EXISTS "
                "(SELECT 1 FROM {parent_#} p WHERE p.{key_#} = c.{column_#}))".replace(
                    "#", str(number)
                )
            )

        question = " ".join(("SELECT", ", ".join(parts), "FROM {child} c"))
        [counts] = source.rows(question, {}, names, check.timeout)
        for reference, count in zip(references, counts, strict=True):
            yield _orphans(check, reference, count)


def _orphans(check: Check, reference: t.Mapping[str, t.Any], count: int) -> Finding:
    column = f"{reference['table']}.{reference['column']}"
    parent = f"{reference['parent']}.{reference['parent_column']}"
    if not count:
        message = f"Every {column} has its row in {parent}."
        return check.finding(
            "orphans", "ok", message, of=column, observed=0, expected=0, unit="rows"
        )

    message = f"{count} rows of {column} have none in {parent}: find out who deleted those before cleaning up."
    levels = check.limits.get("orphans", {"warning": 0})
    if count <= levels.get("warning", levels.get("critical", 0)):
        status = "info"
    else:
        status = "critical" if count > levels.get("critical", float("inf")) else "warning"

    return check.finding(
        "orphans", status, message, of=column, observed=count, expected=0, unit="rows"
    )


def _amcheck(check: Check, source: Source, login: Login) -> Finding:
    """Return what PostgreSQL's own tool says about tables and indexes.

    It takes no lock that stops anybody.
    """
    if not source.rows(_AMCHECK, {}, {}, check.timeout)[0][0]:
        message = f"The extension amcheck is missing: CREATE EXTENSION amcheck in {check.place}."
        return check.finding("amcheck", "unknown", message)

    tool = find_tool()
    if tool is None:
        message = (
            "pg_amcheck is not on this host: install the server's own package of client tools."
        )
        return check.finding("amcheck", "unknown", message)

    try:
        done = subprocess.run(  # noqa: S603 - an argument list, no shell; the name is one argument whatever it holds
            amcheck_command(tool, check.place, login),
            env={**os.environ, **_environment(login, check.timeout)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=check.timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        message = f"pg_amcheck took more than {check.timeout:g} s and was ended: give the check more time."
        return check.finding("amcheck", "unknown", message)
    except OSError as error:
        raise SourceError(f"{tool} cannot be started: {error}") from error

    words = " ".join((done.stdout + done.stderr).decode("utf-8", "replace").split())[:400]
    if done.returncode == 0:
        message = "pg_amcheck finds tables and indexes undamaged."
        return check.finding("amcheck", "ok", message, observed="undamaged", expected="undamaged")

    if done.returncode == 2:
        message = f"pg_amcheck finds damage: stop writers, take a copy of the data folder, then restore. {words}"
        return check.finding(
            "amcheck", "critical", message, observed="damaged", expected="undamaged"
        )

    return check.finding("amcheck", "unknown", f"pg_amcheck could not look: {words}")


def find_tool() -> str | None:
    """Return the newest pg_amcheck of this host."""
    found = sorted(BINARIES.glob("*/bin/pg_amcheck"), key=lambda path: path.parts[-3].zfill(4))
    return str(found[-1]) if found else shutil.which("pg_amcheck")


def amcheck_command(tool: str, database: str, login: Login) -> list[str]:
    """Return the command line.

    A database name is a pattern to this tool, so every letter of it is quoted.
    """
    quoted = '"' + database.replace('"', '""') + '"'
    host = [f"--host={login.host}"] if login.host else []

    return [
        tool,
        "--no-password",
        f"--username={login.user}",
        f"--port={login.port}",
        *host,
        f"--database={quoted}",
    ]


def _environment(login: Login, seconds: float) -> dict[str, str]:
    # The server ends what the tool would leave behind when it is killed.
    environment = {
        "PGOPTIONS": f"-c statement_timeout={int(seconds * 1000)} -c lock_timeout=2000",
        "LC_ALL": "C.UTF-8",
    }
    return environment | ({"PGPASSWORD": login.password} if login.password else {})


def _some(names: t.Sequence[str]) -> str:
    more = f" and {len(names) - TOLD} more" if len(names) > TOLD else ""
    return "; ".join(names[:TOLD]) + more
