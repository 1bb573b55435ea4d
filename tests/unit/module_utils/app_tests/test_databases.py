# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""May tests use a database? Every doubt is a refusal."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.app_tests import addresses, databases
from ansible.module_utils.upkeep.app_tests.addresses import LOCAL, Address
from ansible.module_utils.upkeep.app_tests.errors import RefusedError
from ansible.module_utils.upkeep.app_tests.settings import NamedDatabase

HOSTS: t.Final = {
    "": {LOCAL},
    "localhost": {LOCAL},
    "127.0.0.1": {LOCAL},
    "db.example.org": {"192.0.2.20"},
    "192.0.2.20": {"192.0.2.20"},
    "other.example.org": {"192.0.2.21", "192.0.2.22"},
    "both.example.org": {"192.0.2.20", "192.0.2.22"},
}
PRODUCTION: t.Final = Address("postgresql", "db.example.org", 5432, "shop")
TEST: t.Final = NamedDatabase("shop_test", "db.example.org")


def known(host: str) -> frozenset[str] | None:
    """Stand in for the name service."""
    return frozenset(HOSTS[host]) if host in HOSTS else None


@pytest.mark.parametrize(
    ("tests", "production", "word"),
    [
        (["postgresql://db.example.org/shop"], [PRODUCTION], "which production uses"),
        (["postgresql://192.0.2.20:6432/shop"], [PRODUCTION], "which production uses"),
        (["postgresql://gone.example.org/shop"], [PRODUCTION], "which production uses"),
        (
            ["postgresql://other.example.org/warehouse"],
            [PRODUCTION],
            "the profile names 'warehouse' as production",
        ),
        (
            ["postgresql://db.example.org/shop_test", "redis://localhost/1"],
            [PRODUCTION, Address("redis", "", 0, "1")],
            "1 on",
        ),
        (
            ["postgresql://db.example.org/shop_test", "postgresql:///more"],
            [PRODUCTION],
            "also leads to more on this host",
        ),
        (
            ["postgresql://other.example.org/shop_test"],
            [PRODUCTION],
            "but the profile names shop_test",
        ),
        (["https://example.org"], [PRODUCTION], "no database that can be recognised"),
        ([], [PRODUCTION], "no database that can be recognised"),
    ],
)
def test_every_doubt_is_a_refusal(tests: list[str], production: list[Address], word: str) -> None:
    found = addresses.addresses({str(number): text for number, text in enumerate(tests)})
    with pytest.raises(RefusedError, match=word):
        databases.require_apart(found, TEST, production, ["warehouse"], known)


@pytest.mark.requirement("R-student_success-19")
def test_a_database_of_its_own_is_accepted() -> None:
    tests = [Address("postgresql", "192.0.2.20", 0, "shop_test"), Address("redis", "", 0, "9")]
    databases.require_apart(tests, TEST, [PRODUCTION, Address("redis", "", 0, "1")], [], known)
    databases.require_apart(tests, TEST, [], ["shop"], known)
    with pytest.raises(RefusedError, match="production's database is not known"):
        databases.require_apart(tests, TEST, [], [], known)
