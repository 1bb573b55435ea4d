# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""May tests use a database?

Addresses in every form, what a unit really has, and every doubt that must be a refusal.
"""

from __future__ import annotations

import os
import socket
import subprocess
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.app_tests import addresses, databases, environments
from ansible.module_utils.upkeep.app_tests.addresses import LOCAL, Address
from ansible.module_utils.upkeep.app_tests.errors import RefusedError
from ansible.module_utils.upkeep.app_tests.settings import Database
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
TEST: t.Final = Database("shop_test", "db.example.org")


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
    with pytest.raises(RefusedError, match="nothing says which database production uses"):
        databases.require_apart(tests, TEST, [], [], known)


def test_environment_files_are_read_as_systemd_does(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(
        "# a comment\n; another\nA=1\n export B='two words'\nC=\"x#y\"\nD = spaced \nE=a\\\nb\n"
        "broken line\nF='never closed\nG=https://example.org/?a=b\n=nothing\n"
    )

    assert environments.read(file) == {
        "A": "1",
        "B": "two words",
        "C": "x#y",
        "D": "spaced",
        "E": "ab",
        "F": "'never closed",
        "G": "https://example.org/?a=b",
    }


@given(st.text())
def test_any_text_is_an_environment(text: str) -> None:
    assert all(name and isinstance(value, str) for name, value in environments.parse(text).items())


def test_a_file_that_cannot_be_read_is_a_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "large").write_bytes(bytes(100))
    monkeypatch.setattr(environments, "LARGEST", 99)
    for name in ("fifo", "loop", "large", "absent", "."):
        with pytest.raises(RefusedError):
            environments.read(tmp_path / name)


def systemctl(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Stand in for systemd."""
    answer = subprocess.CompletedProcess([], 0, stdout=text, stderr="")
    monkeypatch.setattr(environments.subprocess, "run", lambda *_, **__: answer)


def test_a_unit_has_what_its_process_has_and_what_its_file_says_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "with space.env"
    file.write_text("DATABASE_URL=postgresql:///new\n")
    systemctl(
        monkeypatch,
        f"LoadState=loaded\nMainPID={os.getpid()}\nEnvironment=A=1 'B=postgresql:///from the unit'\n"
        f"EnvironmentFiles={file} (ignore_errors=no)\nEnvironmentFiles=/absent (ignore_errors=yes)\n",
    )
    own = next(iter(os.environ))
    pairs = environments.of_unit("shop.service")

    assert (own, os.environ[own]) in pairs
    assert ("DATABASE_URL", "postgresql:///new") in pairs

    names = {address.name for address in databases.production_addresses(["shop.service"])}

    assert names >= {"new", "from the unit"}


@pytest.mark.parametrize("text", ["", "LoadState=not-found\nMainPID=0\n", "LoadState=masked\n"])
def test_a_unit_that_is_not_there_is_a_refusal(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    systemctl(monkeypatch, text)
    with pytest.raises(RefusedError, match=r"shop\.service of production is not there"):
        environments.of_unit("shop.service")


def test_a_host_without_systemd_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: t.Any, **__: t.Any) -> t.NoReturn:
        raise FileNotFoundError("systemctl")

    monkeypatch.setattr(environments.subprocess, "run", fail)

    with pytest.raises(RefusedError, match="systemd does not say"):
        environments.of_unit("shop.service")


def test_a_unit_that_is_stopped_is_known_by_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ".env"
    file.write_text("PGDATABASE=shop\nPGHOST=db.example.org\n")
    systemctl(
        monkeypatch, f"LoadState=loaded\nMainPID=0\nEnvironmentFiles={file} (ignore_errors=no)\n"
    )

    assert databases.production_addresses(["shop.service"])[-1] == Address(
        "postgresql", "db.example.org", 0, "shop"
    )
