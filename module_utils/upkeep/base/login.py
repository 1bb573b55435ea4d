# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How to log in to a PostgreSQL server: one vocabulary for everything that connects.

``login_options`` declares the options, ``Login`` is their typed form, ``connection_parameters``
is what the driver gets. The environment of the process never chooses the server: connect inside
``no_libpq_environment``.
"""

from __future__ import annotations

import contextlib
import os
import typing as t
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .options import Option, Options, option

SSL_MODES: t.Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
#: Debian's bundle of trusted authorities.
SYSTEM_CA_FILE: t.Final = Path("/etc/ssl/certs/ca-certificates.crt")
#: A server that does not answer any more is given up after about a minute.
_LOST_AFTER: t.Final = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
_LOOPBACK: t.Final = ("localhost", "127.", "::1")


def login_options(user: str | None = "postgres") -> Options:
    """Return the options of a login; ``user`` is the default role, None for the account's name."""
    return {
        "login_host": option(
            "str",
            "Host name, address or socket directory. Empty means the default socket.",
            default="",
        ),
        "login_port": option("int", "Port of the server.", default=5432, minimum=1, maximum=65535),
        "login_user": option("str", "Database role to log in as.", default=user),
        "login_password": option("str", "Password, where the server asks for one.", secret=True),
        "login_sslmode": option(
            "str",
            "How the connection is encrypted and the server's certificate verified. C(auto) is"
            " C(verify-full) for a server on another machine and C(prefer) for one on this.",
            choices=("auto", *SSL_MODES),
            default="auto",
        ),
        "login_ca_file": option(
            "path",
            "Certificates of the authorities that may sign the server's. Empty means those that"
            " the system trusts.",
            default="",
        ),
    }


def run_as_option(default: str | None = None) -> Option:
    """Return the option that names the system account which connects."""
    return option(
        "str",
        "System account to connect as; its name is what peer authentication on the local socket"
        " compares with the role.",
        default=default,
    )


@dataclass(frozen=True, eq=False)
class Login:
    """How to reach a server; an empty host means the local socket."""

    host: str
    port: int
    user: str | None
    password: str | None = field(repr=False)
    sslmode: str = "auto"
    ca_file: str = ""

    @classmethod
    def of(cls, options: Mapping[str, t.Any]) -> Login:
        """Return the login that stands in parsed options."""
        return cls(
            host=options["login_host"],
            port=options["login_port"],
            user=options["login_user"],
            password=options["login_password"],
            sslmode=options["login_sslmode"],
            ca_file=options["login_ca_file"],
        )

    @property
    def local(self) -> bool:
        """Whether the server is reached by a socket of this machine's file system."""
        return not self.host or self.host.startswith("/")

    @property
    def on_this_machine(self) -> bool:
        """Whether the connection does not leave this machine."""
        return self.local or self.host.startswith(_LOOPBACK)


def connection_parameters(login: Login) -> dict[str, t.Any]:
    """Return the parameters of a login for ``psycopg2.connect``; the database is not among them."""
    parameters = {
        "host": login.host,
        "port": login.port,
        "user": login.user,
        "password": login.password,
    }
    if not login.local:
        parameters |= _LOST_AFTER
        parameters["sslmode"] = _ssl_mode(login)
        parameters["sslrootcert"] = _ca_file(login, _ssl_mode(login))

    return {key: value for key, value in parameters.items() if value}


@contextlib.contextmanager
def no_libpq_environment() -> Iterator[None]:
    """Hide the variables of libpq (``PGHOST``, ``PGSERVICE``, ...) from a connect inside.

    They would choose another server than the options say. The process must not have threads that
    read its environment at the same time.
    """
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("PG")}
    try:
        yield
    finally:
        os.environ.update(hidden)


def _ssl_mode(login: Login) -> str:
    if login.sslmode != "auto":
        return login.sslmode

    return "prefer" if login.on_this_machine else "verify-full"


def _ca_file(login: Login, mode: str) -> str:
    if login.ca_file or not mode.startswith("verify"):
        return login.ca_file

    return str(SYSTEM_CA_FILE)
