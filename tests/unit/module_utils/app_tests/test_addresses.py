# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Addresses of databases in every form, and when two of them are one database."""

from __future__ import annotations

import os
import socket
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.app_tests import addresses
from ansible.module_utils.upkeep.app_tests.addresses import LOCAL, Address
from hypothesis import given
from hypothesis import strategies as st

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


def known(host: str) -> frozenset[str] | None:
    """Stand in for the name service."""
    return frozenset(HOSTS[host]) if host in HOSTS else None


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (
            "postgresql://shop:pw@db.example.org:5433/shop",
            ("postgresql", "db.example.org", 5433, "shop"),
        ),
        ("postgres://db.example.org/shop", ("postgresql", "db.example.org", 0, "shop")),
        (
            "postgresql+psycopg2://shop:p%40w@db.example.org/shop?sslmode=require",
            ("postgresql", "db.example.org", 0, "shop"),
        ),
        ("postgresql:///shop", ("postgresql", "", 0, "shop")),
        (
            "postgresql:///shop?host=/var/run/postgresql&port=5433",
            ("postgresql", "/var/run/postgresql", 5433, "shop"),
        ),
        (
            "postgresql://%2Fvar%2Frun%2Fpostgresql/shop",
            ("postgresql", "/var/run/postgresql", 0, "shop"),
        ),
        ("postgresql://db.example.org?dbname=shop", ("postgresql", "db.example.org", 0, "shop")),
        ("postgresql://u@[2001:db8::1]:5432/shop", ("postgresql", "2001:db8::1", 5432, "shop")),
        ("POSTGRESQL://db.example.org/shop", ("postgresql", "db.example.org", 0, "shop")),
        (
            "host=db.example.org port=5433 dbname=shop password='a b'",
            ("postgresql", "db.example.org", 5433, "shop"),
        ),
        ("dbname = 'shop' hostaddr=192.0.2.20 host=x", ("postgresql", "192.0.2.20", 0, "shop")),
        ("mysql+pymysql://u:p@db.example.org/shop", ("mysql", "db.example.org", 0, "shop")),
        ("redis://:pw@127.0.0.1:6379/1", ("redis", "127.0.0.1", 6379, "1")),
        ("redis://127.0.0.1", ("redis", "127.0.0.1", 0, "0")),
        ("rediss://127.0.0.1/?db=3", ("redis", "127.0.0.1", 0, "3")),
        ("sqlite:////opt/shop/shop.db", ("sqlite", "", 0, "/opt/shop/shop.db")),
        ("sqlite:///shop.db?mode=ro", ("sqlite", "", 0, "shop.db")),
        ("sqlite://", None),
        ("sqlite:///:memory:", None),
        ("https://example.org/shop", None),
        ("amqp://guest@127.0.0.1/", None),
        ("postgresql://db.example.org:port/shop", ("postgresql", "db.example.org", 0, "shop")),
        ("no address", None),
        ("", None),
    ],
)
def test_an_address_is_recognised_in_every_form(
    text: str, address: tuple[t.Any, ...] | None
) -> None:
    assert addresses.from_text(text) == (Address(*address) if address else None)


@given(st.text())
def test_any_text_is_an_address_or_none(text: str) -> None:
    for prefix in ("", "postgresql://", "redis://", "sqlite:///", "dbname=x host="):
        found = addresses.from_text(prefix + text)
        assert found is None or isinstance(found.port, int)


def test_an_address_is_shown_without_its_login() -> None:
    found = addresses.from_text("postgresql://shop:hidden@db.example.org/shop")
    assert str(found) == "shop on db.example.org"
    assert str(addresses.from_text("postgresql:///shop")) == "shop on this host"


def test_libpq_s_own_variables_are_an_address() -> None:
    environment = {"PGDATABASE": "shop", "PGHOST": "db.example.org", "PGPORT": "5433", "OTHER": "x"}
    assert addresses.addresses(environment) == [
        Address("postgresql", "db.example.org", 5433, "shop")
    ]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (PRODUCTION, PRODUCTION, True),
        (PRODUCTION, PRODUCTION._replace(host="192.0.2.20"), True),
        # A pooler listens on another port of the same server.
        (PRODUCTION, PRODUCTION._replace(port=6432), True),
        (PRODUCTION, PRODUCTION._replace(host="both.example.org"), True),
        (PRODUCTION, PRODUCTION._replace(host="gone.example.org"), True),
        (PRODUCTION, PRODUCTION._replace(host="other.example.org"), False),
        (PRODUCTION, PRODUCTION._replace(name="shop_test"), False),
        (PRODUCTION, PRODUCTION._replace(kind="mysql"), False),
        (
            Address("postgresql", "", 0, "shop"),
            Address("postgresql", "127.0.0.1", 5432, "shop"),
            True,
        ),
        (Address("redis", "", 6379, "1"), Address("redis", "localhost", 0, "1"), True),
        (Address("redis", "", 6379, "1"), Address("redis", "localhost", 6380, "1"), False),
        (Address("redis", "", 6379, "1"), Address("redis", "localhost", 6379, "2"), False),
    ],
)
def test_when_two_addresses_are_one_database(one: Address, other: Address, same: bool) -> None:
    assert addresses.same(one, other, known) is same
    assert addresses.same(other, one, known) is same


def test_one_file_under_two_names_is_one_database(tmp_path: Path) -> None:
    file, link, hard, absent = (
        tmp_path / name for name in ("shop.db", "link.db", "hard.db", "absent.db")
    )
    file.write_bytes(b"")
    link.symlink_to(file)
    os.link(file, hard)
    others = [Address("sqlite", "", 0, str(path)) for path in (file, link, hard, absent)]

    assert [addresses.same(others[0], other) for other in others] == [True, True, True, False]
    assert addresses.same(others[3], others[3])


def test_this_host_is_known_by_all_its_names() -> None:
    assert (
        addresses.resolve("")
        == addresses.resolve("127.0.0.9")
        == addresses.resolve("/run/postgresql")
        == {LOCAL}
    )
    assert addresses.resolve("name.invalid") is None
    assert addresses.resolve("a" * 300) is None
    assert not addresses.is_own("192.0.2.77")

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.77", 9))
        own = probe.getsockname()[0]

    assert addresses.is_own(own)
