# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""May suites use the database of their environment? Only when it is certainly not production's."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ..base.text import list_some
from . import addresses, environments
from .addresses import SERVERS, Address, Resolve
from .errors import RefusedError
from .settings import NamedDatabase, Setup


def environment_of(setup: Setup, resolve: Resolve = addresses.resolve) -> dict[str, str]:
    """Return the environment for suites with a database.

    Raises RefusedError when production's could be reached.
    """
    given = environments.read_as(setup.user, Path(setup.environment_file))
    database = t.cast(NamedDatabase, setup.database)
    production = production_addresses(setup.production_units)
    require_apart(
        addresses.addresses(given), database, production, setup.production_databases, resolve
    )

    return given


def production_addresses(units: t.Iterable[str]) -> list[Address]:
    """Return the databases that the units use.

    Raises RefusedError when the environment of one is not known.
    """
    found: list[Address] = []
    for unit in units:
        pairs = environments.of_unit(unit)
        # Each variable by itself: its value at the start of the unit and the one in its file now
        # both count.
        found += [address for pair in pairs for address in addresses.addresses(dict([pair]))]
        found += addresses.addresses(dict(pairs))

    return list(dict.fromkeys(found))


def require_apart(
    tests: t.Sequence[Address],
    database: NamedDatabase,
    production: t.Sequence[Address],
    names: t.Collection[str],
    resolve: Resolve = addresses.resolve,
) -> None:
    """Raise RefusedError unless the addresses lead to the test database and none to production.

    ``names`` are production databases of the profile: no test database may have such a name,
    whatever its host.
    """
    for address in tests:
        if address.kind in SERVERS and address.name in names:
            raise RefusedError(
                f"it leads to {address}, and the profile names '{address.name}' as production"
            )

        met = next((other for other in production if addresses.same(address, other, resolve)), None)
        if met:
            raise RefusedError(f"it leads to {address}, which production uses")

    named = [Address(kind, database.host, 0, database.name) for kind in SERVERS]
    if not any(addresses.same(address, wanted, resolve) for address in tests for wanted in named):
        led = list_some(tests, 5) or "no database that can be recognised"
        raise RefusedError(f"it leads to {led}, but the profile names {named[0]}")

    others = [
        address
        for address in tests
        if address.kind in SERVERS
        and not any(addresses.same(address, wanted, resolve) for wanted in named)
    ]
    if others:
        raise RefusedError(f"it also leads to {others[0]}, which the profile does not name")
    if not production and not names:
        raise RefusedError("production's database is not known; name production_units")
