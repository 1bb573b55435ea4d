# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one place that connects to a database: time-outs, and errors without passwords.

Imported only when a database address is used, since SQLAlchemy is optional.
"""

from __future__ import annotations

import contextlib
import random
import re
import time
import typing as t
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from upkeep import private

#: Seconds to wait for a server, and for another run that is writing; a statement may take three
#: times as long. A server that hangs must not keep a run from its end.
WAIT_SECONDS: t.Final = 10
#: Seconds for which a server may have no place for another connection.
CROWDED_SECONDS: t.Final = 30
_CROWDED: t.Final = re.compile(
    r"too many (clients|connections)|remaining connection slots", re.IGNORECASE
)
#: The Python package behind a driver's module, where the names differ.
_PACKAGES: t.Final = {"psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient", "pymysql": "PyMySQL"}


class SqlDatabase:
    """A database by its SQLAlchemy address; every failure leaves as the error of its user."""

    def __init__(self, address: str, name: str, error: type[Exception], rebuild: str = "") -> None:
        """Prepare the connection; nothing is contacted yet. Raises ``error``.

        ``name`` is what messages call the database, ``rebuild`` the command that makes it anew.
        """
        self._name, self._error, self._rebuild = name, error, rebuild

        try:
            self.url = sa.engine.make_url(address)
            self.engine = sa.create_engine(
                self.url, hide_parameters=True, connect_args=_time_limits(self.url)
            )
        except ModuleNotFoundError as missing:
            package = _PACKAGES.get(missing.name or "", missing.name)
            raise error(
                f"this database needs the package {package}: pip install {package}"
            ) from None
        except (sa.exc.ArgumentError, ValueError):
            hint = "write it as postgresql+psycopg2://user:password@host/database or sqlite:///file"
            raise error(f"the database address of {name} cannot be read; {hint}") from None

    def __repr__(self) -> str:
        # The query part may hold a password too.
        return str(self.url.set(query={}).render_as_string(hide_password=True))

    def missing_file(self) -> str | None:
        """Return the file of a SQLite database that does not exist; connecting would make it."""
        name = self.url.database
        if self.url.get_backend_name() != "sqlite" or name in (None, "", ":memory:"):
            return None

        return None if name.startswith("file:") or Path(name).exists() else name

    def make_file(self) -> None:
        """Make the file of a SQLite database that does not exist, so that others cannot read it."""
        missing = self.missing_file()
        if missing is None:
            return

        with contextlib.suppress(OSError):  # connecting says why in the words of the database
            private.make_file(Path(missing))

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Give a connection."""
        with self._safe_errors(), self._connected() as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Give a connection with one transaction: all of it or nothing."""
        with self._safe_errors(), self._connected() as connection, connection.begin():
            yield connection

    def _connected(self) -> sa.Connection:
        """Return a connection; where the server has no place for another one, wait for it.

        Many runs end at the same moment, and each would be lost.
        """
        deadline = time.monotonic() + CROWDED_SECONDS
        while True:
            try:
                return self.engine.connect()
            except sa.exc.OperationalError as error:
                if not _CROWDED.search(str(error.orig)) or time.monotonic() > deadline:
                    raise

            # Not all at once again.
            time.sleep(random.uniform(0.1, 0.5))  # noqa: S311

    @contextlib.contextmanager
    def _safe_errors(self) -> Iterator[None]:
        """Raise the user's error without its causes: they may hold the password."""
        try:
            yield
        except sa.exc.SQLAlchemyError as failure:
            text = self._without_secrets(str(getattr(failure, "orig", None) or failure))
            raise self._error(f"{self._name} answered: {text}{self._advice(text)}") from None

    def _advice(self, text: str) -> str:
        """Return the clause on what to do about an error, '' where the error is enough."""
        if "unable to open database file" in text:
            return f"; the folder of {self.url.database} must exist, and let this user write"

        damaged = any(word in text for word in ("malformed", "not a database", "disk image"))
        if not damaged or not self._rebuild:
            return ""

        return f"; move {self.url.database} away and run `{self._rebuild}`"

    def _without_secrets(self, text: str) -> str:
        for secret in (self.url.password, self.url.query.get("password")):
            text = text.replace(str(secret), "***") if secret else text

        return " ".join(text.split())[:500]


def _time_limits(url: sa.URL) -> dict[str, t.Any]:
    """Return what keeps the driver of a database from waiting for ever, as ``connect_args``."""
    if url.get_backend_name() == "sqlite":
        return {"timeout": WAIT_SECONDS}
    if url.get_backend_name() == "postgresql":
        limits = f"-c lock_timeout={WAIT_SECONDS}s -c statement_timeout={3 * WAIT_SECONDS}s"
        return {"connect_timeout": WAIT_SECONDS, "options": limits}

    return {}
