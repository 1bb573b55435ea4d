# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A set is made whole or not at all, when it is due, and what it holds can be read again."""

from __future__ import annotations

import io
import os
import sqlite3
import subprocess
import tarfile
import typing as t
from contextlib import closing
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.backup.run import BackupError

from tests.unit.module_utils.backup.conftest import Shop, message, statuses


def test_a_set_is_made_verified_and_published(shop: Shop) -> None:
    answer = shop.backup(artefacts=[shop.files_artefact(), shop.sqlite_artefact()])

    assert set(statuses(answer).values()) == {"ok"}
    assert answer["changed"]
    assert answer["made"] == "20260301T020000Z"

    with shop.catalogue() as catalogue:
        [one] = catalogue.sets()

    assert one.is_verified
    assert one.manifest
    assert one.manifest.artefacts[0].facts["files"] == 1
    assert one.manifest.artefacts[0].facts["links"] == 1
    assert one.manifest.artefacts[1].facts["tables"] == [{"name": 'Odd "name', "rows": 500}]
    assert shop.root.stat().st_mode & 0o777 == 0o700


def test_a_second_run_changes_no_byte(shop: Shop) -> None:
    shop.backup()
    before = {path: path.read_bytes() for path in shop.root.rglob("*") if path.is_file()}
    shop.later(hours=1)

    answer = shop.backup(retention={"last": 1, "days": 0})

    assert not answer["changed"]
    assert {path: path.read_bytes() for path in shop.root.rglob("*") if path.is_file()} == before


def test_a_set_before_a_change_is_always_made(shop: Shop) -> None:
    shop.backup()
    shop.later(seconds=1)

    answer = shop.backup(reason="change")

    assert answer["made"] == "20260301T020001Z"


def test_check_mode_makes_nothing(shop: Shop) -> None:
    answer = shop.backup(check_mode=True)

    assert answer["due"]
    assert not shop.root.exists()


def test_an_artefact_that_fails_leaves_no_set_and_deletes_none(shop: Shop) -> None:
    shop.backup()
    shop.later(days=30)
    missing = {"name": "missing", "files": {"paths": [f"{shop.folder}/nowhere"]}}

    answer = shop.backup(artefacts=[shop.files_artefact(), missing], retention={"days": 1})

    assert statuses(answer)["backup:set"] == "critical"
    assert statuses(answer)["backup:age"] == "critical"
    assert "No such file" in message(answer, "backup:missing")
    assert shop.names() == ["20260301T020000Z"]
    assert [path.name for path in shop.root.glob(".making*")] == []


def test_the_archive_holds_what_stood_there(shop: Shop) -> None:
    made = shop.backup()["made"]

    packed = shop.root / made / "files" / "files.tar.zst"
    data = subprocess.run(["zstd", "-dc", packed], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        app = str(shop.app).lstrip("/")
        content = archive.extractfile(f"{app}/main.py")

        assert content
        assert content.read() == (shop.app / "main.py").read_bytes()
        assert archive.getmember(f"{app}/current").linkname == "main.py"
        assert archive.getmember(f"{app}/empty").isdir()


def test_excluded_names_are_left_out(shop: Shop) -> None:
    (shop.app / "main.pyc").write_text("x")
    shop.backup(artefacts=[shop.files_artefact(exclude=["*.pyc", "empty"])])

    with shop.catalogue() as catalogue:
        [one] = catalogue.sets()

    assert one.manifest
    assert one.manifest.artefacts[0].facts["exclude"] == ["*.pyc", "empty"]
    assert one.manifest.artefacts[0].facts["files"] == 1
    assert one.manifest.artefacts[0].facts["folders"] == 1


@pytest.mark.parametrize("name", ["app/link", "app/link/below"])
def test_a_link_in_the_path_is_refused(shop: Shop, name: str) -> None:
    (shop.app / "target").mkdir()
    (shop.app / "target" / "below").write_text("x")
    (shop.app / "link").symlink_to("target")
    if os.geteuid() == 0:
        os.chown(shop.app, 65534, 65534)

    artefact = {"name": "files", "files": {"paths": [f"{shop.folder}/{name}"]}}
    answer = shop.backup(artefacts=[artefact])

    assert statuses(answer)["backup:files"] == "critical"
    assert "link" in message(answer, "backup:files")
    assert shop.names() == []


def test_odd_names_and_odd_things_are_kept_or_named(shop: Shop) -> None:
    odd = os.fsdecode(b"new\nline \xff\"'")
    (shop.app / odd).write_text("odd")
    os.mkfifo(shop.app / "pipe")

    answer = shop.backup()

    assert statuses(answer)["backup:files"] == "ok"

    with shop.catalogue() as catalogue:
        [one] = catalogue.sets()

    assert one.manifest
    assert one.manifest.artefacts[0].facts["files"] == 2
    assert one.manifest.artefacts[0].facts["left_out"] == [f"{shop.app}/pipe"]


def test_too_few_files_are_a_failure(shop: Shop) -> None:
    answer = shop.backup(artefacts=[shop.files_artefact(least_files=5)])

    assert message(answer, "backup:files") == "there are 1 files; at least 5 are expected"


def test_a_disk_that_is_not_mounted_is_refused(shop: Shop) -> None:
    with pytest.raises(BackupError, match="is not mounted"):
        shop.backup(mount=str(shop.folder))

    assert not shop.root.exists()


def test_a_full_disk_is_refused_before_anything_is_written(shop: Shop) -> None:
    answer = shop.backup(free_percent=90)

    assert statuses(answer)["backup:set"] == "critical"
    assert "MiB are needed" in message(answer, "backup:set")
    assert shop.names() == []


def test_a_full_disk_lets_redundant_sets_go_first(shop: Shop) -> None:
    for _ in range(3):
        shop.backup()
        shop.later(days=10)

    answer = shop.backup(free_percent=90, retention={"last": 1, "days": 1})

    assert answer["expired"] == ["20260301T020000Z", "20260311T020000Z"]
    assert answer["changed"]
    assert statuses(answer)["backup:set"] == "critical"
    assert shop.names() == ["20260321T020000Z"]


def test_a_root_that_others_may_read_is_refused(shop: Shop) -> None:
    shop.root.mkdir(mode=0o755)

    with pytest.raises(BackupError, match="has the mode 0755"):
        shop.backup()


def test_what_a_killed_run_left_is_cleared(shop: Shop) -> None:
    shop.backup()
    left = shop.root / ".making-20260228T020000Z"
    left.mkdir(mode=0o700)
    (left / "half").write_text("x")
    kept = shop.root / ".making-of-somebody"
    kept.mkdir()

    answer = shop.backup()

    assert answer["changed"]
    assert not left.exists()
    assert kept.exists()


def test_a_size_that_collapses_is_a_warning(shop: Shop) -> None:
    (shop.app / "data").write_bytes(os.urandom(100_000))
    shop.backup()
    shop.later(days=1)
    (shop.app / "data").unlink()

    answer = shop.backup()

    assert statuses(answer)["backup:set.size"] == "warning"
    assert statuses(answer)["backup:set"] == "ok"


def test_text_that_packs_better_did_not_shrink(shop: Shop) -> None:
    log = shop.app / "log"
    log.write_text("".join(f"line {number**7}\n" for number in range(2000)))
    first = shop.backup()
    shop.later(days=1)
    log.write_text("line 7\n" * (log.stat().st_size // 7))

    answer = shop.backup()

    sizes = [
        found["observed"]
        for one in (first, answer)
        for found in one["findings"]
        if found["check"] == "backup:files"
    ]
    assert sizes[1] < sizes[0] / 10
    assert statuses(answer)["backup:set.size"] == "ok"


def test_output_of_a_program_is_kept(shop: Shop) -> None:
    user = "root" if os.geteuid() == 0 else Path("~").expanduser().owner()
    argv = ["printf", "exported"]

    answer = shop.backup(artefacts=[{"name": "export", "command": {"argv": argv, "run_as": user}}])

    assert statuses(answer)["backup:export"] == "ok"


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["false"], "false ended with 1"),
        (["true"], "wrote 0 bytes"),
        (["/nowhere/tool"], "tool cannot be started"),
        (["sleep", "30"], "sleep and zstd took more than"),
    ],
)
def test_a_program_that_fails_hangs_or_is_missing_is_named(
    shop: Shop, argv: list[str], reason: str
) -> None:
    user = "root" if os.geteuid() == 0 else Path("~").expanduser().owner()
    entry = {"name": "export", "command": {"argv": argv, "run_as": user}}
    entry |= {"max_seconds": 1} if argv[0] == "sleep" else {}

    answer = shop.backup(artefacts=[entry])

    assert reason in message(answer, "backup:export")
    assert shop.names() == []


def test_a_set_of_several_hosts_has_the_name_that_was_given(shop: Shop) -> None:
    shop.backup()
    shop.later(hours=1)

    answer = shop.backup(set="20260301T025500Z")

    assert answer["made"] == "20260301T025500Z"
    assert shop.names() == ["20260301T020000Z", "20260301T025500Z"]


def test_a_job_that_is_started_once_more_makes_no_second_set(shop: Shop) -> None:
    """Ansible does so when a connection is lost while a job starts."""
    asked: dict[str, t.Any] = {"set": "20260301T025500Z", "reason": "change"}
    shop.backup(**asked)

    again = shop.backup(**asked)

    assert again["made"] == "20260301T025500Z"
    assert statuses(again)["backup:set"] == "ok"
    assert shop.names() == ["20260301T025500Z"]

    shop.backup(artefacts=[shop.sqlite_artefact()], **asked)

    assert shop.names() == ["20260301T025500Z", "20260301T025501Z"]


def test_observing_changes_nothing_and_names_what_is_due(shop: Shop) -> None:
    before = shop.backup(state="observed")

    assert not before["changed"]
    assert (before["due"], before["next_set"]) == (True, "20260301T020000Z")
    assert statuses(before) == {"backup:age": "critical", "backup:sets": "ok"}
    assert not shop.root.exists()

    shop.backup()
    after = shop.backup(state="observed", retention={"last": 1})

    assert not after["due"]
    assert statuses(after) == {
        "backup:age": "ok",
        "backup:sets": "ok",
        "backup:size": "ok",
    }


def test_observing_names_leftovers_and_redundant_sets(shop: Shop) -> None:
    for _ in range(3):
        shop.backup()
        shop.later(days=10)
    (shop.root / ".making-20260228T020000Z").mkdir(mode=0o700)

    answer = shop.backup(state="observed", retention={"last": 2, "days": 1})

    assert answer["leftovers"] == [".making-20260228T020000Z"]
    assert answer["expired"] == ["20260301T020000Z"]


def test_observing_a_disk_that_is_not_mounted_is_unknown(shop: Shop) -> None:
    answer = shop.backup(state="observed", mount=str(shop.folder))

    assert statuses(answer) == {"backup:age": "unknown"}


def test_check_mode_expects_the_set_that_would_be_made(shop: Shop) -> None:
    shop.backup()
    shop.later(days=2)

    answer = shop.backup(check_mode=True)

    assert statuses(answer) == {"backup:age": "info"}


def test_check_mode_lists_the_sets_that_would_go(shop: Shop) -> None:
    for _ in range(3):
        shop.backup()
        shop.later(days=10)

    answer = shop.backup(check_mode=True, retention={"last": 1, "days": 1})

    assert answer["expired"] == ["20260301T020000Z", "20260311T020000Z"]
    assert message(answer, "backup:retention") == (
        "redundant, would be deleted: 20260301T020000Z, 20260311T020000Z"
    )
    assert len(shop.names()) == 3


def test_a_run_names_the_sets_that_went(shop: Shop) -> None:
    keep = {"last": 1, "days": 1}
    shop.backup()
    shop.later(days=10)

    answers = [shop.backup(retention=keep) for _ in range(2)]

    assert message(answers[0], "backup:retention") == "redundant, deleted: 20260301T020000Z"
    assert message(answers[1], "backup:retention") == "no set is redundant"


def test_references_that_are_broken_are_a_warning(shop: Shop) -> None:
    with closing(sqlite3.connect(shop.database)) as connection:
        connection.execute('CREATE TABLE lines (order_id REFERENCES "Odd ""name" (id))')
        connection.execute("INSERT INTO lines VALUES (1), (99998), (99999)")
        connection.commit()

    answer = shop.backup(artefacts=[shop.sqlite_artefact()])
    [found] = [one for one in answer["findings"] if one["check"] == "backup:orders.references"]

    assert statuses(answer)["backup:orders"] == "ok"
    assert (found["status"], found["observed"]) == ("warning", 2)


def test_a_sqlite_file_that_is_damaged_leaves_no_set(shop: Shop) -> None:
    with shop.database.open("r+b") as stream:
        stream.seek(4096)
        stream.write(b"\xff" * 4096)

    answer = shop.backup(artefacts=[shop.sqlite_artefact()])

    assert statuses(answer)["backup:orders"] == "critical"
    assert shop.names() == []


def test_nothing_is_made_on_a_host_that_nobody_accepted(shop: Shop) -> None:
    mark = shop.folder / "accepted.json"
    options = {"require_acceptance": True, "accepted_file": str(mark)}

    assert statuses(shop.backup(**options)) == {"backup:set": "info"}
    assert not shop.root.exists()

    mark.write_text('{"by": "somebody", "at": "2026-03-01T00:00:00Z"}')

    assert shop.backup(**options)["made"]


def test_an_artefact_for_one_reason_is_in_no_other_set(shop: Shop) -> None:
    extra = {**shop.sqlite_artefact(), "reasons": ["demand"]}
    artefacts = [shop.files_artefact(), extra]

    shop.backup(artefacts=artefacts)
    shop.later(seconds=1)
    shop.backup(artefacts=artefacts, reason="demand")
    with shop.catalogue() as catalogue:
        held = [
            [one.name for one in each.manifest.artefacts]
            for each in catalogue.sets()
            if each.manifest
        ]

    assert held == [["files"], ["files", "orders"]]
