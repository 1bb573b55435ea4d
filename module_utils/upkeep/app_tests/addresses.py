# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which databases an environment leads to, and whether two addresses are one database."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
import typing as t
import urllib.parse
from pathlib import Path

#: Scheme of an address, driver left out -> kind of database.
KINDS: t.Final = {
    "postgres": "postgresql",
    "postgresql": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
    "mongodb": "mongodb",
    "redis": "redis",
    "rediss": "redis",
    "sqlite": "sqlite",
}
#: Kinds of which one server holds many under a name each, whatever port leads there (a pooler has
#: another one).
SERVERS: t.Final = ("postgresql", "mysql", "mongodb")
LOCAL: t.Final = "this host"

_WORD: t.Final = re.compile(r"\b(host|hostaddr|port|dbname)\s*=\s*('[^']*'|[^\s']+)")

Hosts = frozenset[str] | None
Resolve = t.Callable[[str], Hosts]


class Address(t.NamedTuple):
    """One database: host as written, empty for this one; SQLite has its path as name."""

    kind: str
    host: str
    port: int
    name: str

    def __str__(self) -> str:
        """Return what may be shown: never user or password."""
        return self.name if self.kind == "sqlite" else f"{self.name} on {self.host or LOCAL}"


def addresses(environment: t.Mapping[str, str]) -> list[Address]:
    """Return every database that the values of an environment lead to.

    These are URLs, connection strings of libpq, and the variables of libpq itself.
    """
    found = [address for value in environment.values() if (address := from_text(value))]
    if name := environment.get("PGDATABASE"):
        host = environment.get("PGHOSTADDR") or environment.get("PGHOST", "")
        found.append(Address("postgresql", host, _port(environment.get("PGPORT", "")), name))

    return found


def from_text(text: str) -> Address | None:
    """Return the database of a URL or a connection string of libpq, None when it is neither.

    A connection string is text such as ``host=... dbname=...``.
    """
    if "://" in text:
        return _from_url(text.strip())

    words = {key: value.strip("'") for key, value in _WORD.findall(text)}
    if "dbname" not in words:
        return None

    host = words.get("hostaddr") or words.get("host", "")

    return Address("postgresql", host, _port(words.get("port", "")), words["dbname"])


def _from_url(text: str) -> Address | None:
    scheme, _, rest = text.partition("://")
    kind = KINDS.get(scheme.lower().split("+")[0])
    if kind is None:
        return None
    if kind == "sqlite":
        path = urllib.parse.unquote(rest.removeprefix("/").partition("?")[0])
        return Address(kind, "", 0, path) if path not in ("", ":memory:") else None

    place, _, query = rest.partition("?")
    authority, _, path = place.partition("/")
    host, port = _host_and_port(authority.rpartition("@")[2])
    options = dict(urllib.parse.parse_qsl(query))
    name = urllib.parse.unquote(options.get("dbname") or options.get("db") or path.split("#")[0])

    return Address(
        kind,
        urllib.parse.unquote(options.get("host") or host),
        _port(options.get("port") or port),
        name or ("0" if kind == "redis" else ""),
    )


def _host_and_port(authority: str) -> tuple[str, str]:
    bracketed = re.match(r"^\[([^\]]*)\](?::(.*))?$", authority)
    if bracketed:
        return bracketed[1], bracketed[2] or ""
    host, _, port = authority.partition(":")
    return host, port


def _port(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def resolve(host: str) -> Hosts:
    """Return LOCAL or the addresses of a host; None when its name cannot be resolved."""
    if host in ("", "localhost") or host.startswith(("/", "@")):
        return frozenset({LOCAL})

    try:
        found = {
            str(entry[4][0]).partition("%")[0]
            for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        }
    except (OSError, UnicodeError):
        return None

    return frozenset(LOCAL if is_own(address) else address for address in found)


def is_own(address: str) -> bool:
    """Return whether an IP address is one of this host: only those can be bound to."""
    parsed = ipaddress.ip_address(address)
    if parsed.is_loopback or parsed.is_unspecified:
        return True

    family = socket.AF_INET6 if parsed.version == 6 else socket.AF_INET
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.bind((address, 0))
        return True

    return False


def same(one: Address, other: Address, known: Resolve = resolve) -> bool:
    """Return whether two addresses are, or may be, one database.

    A host that cannot be resolved may be any.
    """
    if one.kind != other.kind:
        return False
    if one.kind == "sqlite":
        return _same_file(one.name, other.name)
    if one.name != other.name:
        return False
    if one.kind not in SERVERS and (one.port or other.port) != (other.port or one.port):
        return False

    mine, theirs = known(one.host), known(other.host)

    return mine is None or theirs is None or bool(mine & theirs)


def _same_file(one: str, other: str) -> bool:
    try:
        return Path(one).samefile(other)
    except OSError:
        return Path(one).resolve() == Path(other).resolve()
