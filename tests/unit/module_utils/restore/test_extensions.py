# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host without the package of an extension: it is named, and nothing is begun or left."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.backup import manifest as manifests
from ansible.module_utils.upkeep.restore.choose import RestoreError
from ansible.module_utils.upkeep.restore.extensions import require_extensions

from tests.unit.module_utils.backup.conftest import message, statuses
from tests.unit.module_utils.postgresql.server import Server
from tests.unit.module_utils.restore.conftest import (
    ORDERS,
    Rehearse,
    RestoringShop,
    dump_artefact,
    login_of,
)


@pytest.fixture
def database(shop: RestoringShop, pg: Server) -> str:
    """Return a database whose set says that it had an extension that this host lacks."""
    name = pg.create_database("", *ORDERS)
    shop.backup(artefacts=[dump_artefact(pg, name), shop.files_artefact()])
    folder = shop.root / shop.names()[-1]
    manifest = manifests.load((folder / "manifest.json").read_bytes(), folder.name)
    artefacts = [
        replace(one, facts={**one.facts, "extensions": {"plpgsql": "1.0", "vector": "0.8.0"}})
        if one.kind == "postgresql"
        else one
        for one in manifest.artefacts
    ]
    data = manifests.dump(replace(manifest, artefacts=tuple(artefacts)))
    (folder / "manifest.json").write_bytes(data)
    for record in (shop.root / ".records").iterdir():
        record.unlink()  # as when it came to this host from another one
    shop.verify()

    return name


@pytest.mark.usefixtures("database")
def test_a_rehearsal_names_it_and_leaves_nothing(
    shop: RestoringShop, rehearsed: Rehearse, staging: Path
) -> None:
    answer = rehearsed()

    assert statuses(answer)["rehearsal:database"] == "critical"
    assert "vector (postgresql-" in message(answer, "rehearsal:database")
    assert "-pgvector)" in message(answer, "rehearsal:database")
    assert statuses(answer)["rehearsal:files"] == "ok"
    assert list(staging.iterdir()) == []
    assert subprocess.run(["pgrep", "-f", str(staging)], check=False).returncode == 1
    assert "vector" in json.dumps(json.loads((shop.folder / "rehearsals.json").read_text()))


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_restore_refuses_before_anything_is_made(
    shop: RestoringShop, pg: Server, database: str, check_mode: bool
) -> None:
    with pytest.raises(RestoreError, match=r"lacks extensions of the dump: vector"):
        shop.restore(check_mode, artefacts=["database"], postgresql=login_of(pg))

    names = [name for (name,) in pg.query("postgres", "SELECT datname FROM pg_database")]

    assert [name for name in names if name.startswith(database)] == [database]


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("vector", "postgresql-17-pgvector"),
        ("postgis_raster", "postgresql-17-postgis-3"),
        ("q3c", "postgresql-17-q3c"),
        ("pg_qualstats", "postgresql-17-pg-qualstats"),
    ],
)
def test_the_package_is_named(name: str, package: str) -> None:
    with pytest.raises(RestoreError, match=rf"{name} \({package}\)"):
        require_extensions([name, "plpgsql"], ["plpgsql"], 17)


def test_what_is_there_is_no_problem() -> None:
    require_extensions(["plpgsql"], ["plpgsql", "hstore"], 15)
