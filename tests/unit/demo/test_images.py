# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Images that were half built: named in podman's words and built by the next call."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from demo import engine, images, wheels
from demo.errors import DemoError
from demo.fleet import Image

IMAGE = Image("localhost/try", "bookworm", {"bookworm": {}}, ("systemd", "openssh-server"))

#: Keeps "images" as files named like them that hold their label; fails to build while the file
#: `broken` is there.
PODMAN = """\
#!/bin/sh
for last; do :; done
file=$STATE/$(echo "$last" | tr / _)
case "$1 $2" in
    "image inspect")
        [ -f "$file" ] || exit
        echo "[{\\"Labels\\": {\\"org.upkeep.inputs\\": \\"$(cat "$file")\\"}}]" ;;
    "image exists") [ -f "$file" ] ;;
    "import "*) : >"$file" ;;
    "build "*)
        echo build >>"$STATE/calls"
        [ ! -e "$STATE/broken" ] || { echo "no space left on device" >&2; exit 125; }
        while [ $# -gt 0 ]; do
            case "$1" in --label) label=${2#*=} ;; --tag) name=$2 ;; esac
            shift
        done
        echo "$label" >"$STATE/$(echo "$name" | tr / _)" ;;
esac
"""
MMDEBSTRAP = """\
#!/bin/sh
for last; do :; done
echo half >"$last"
[ ! -e "$STATE/unreachable" ] || { echo "E: cannot reach the mirror" >&2; exit 100; }
"""


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put stand-ins for podman and mmdebstrap first on PATH.

    Return the folder that they keep things in.
    """
    for name, script in (("podman", PODMAN), ("mmdebstrap", MMDEBSTRAP)):
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text(script)
        (tmp_path / "bin" / name).chmod(0o755)

    (tmp_path / "state").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("STATE", str(tmp_path / "state"))
    monkeypatch.setattr(engine, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(wheels, "ensure", lambda *_: tmp_path)

    return tmp_path / "state"


def builds(state: Path) -> int:
    return len((state / "calls").read_text().splitlines())


def test_an_image_is_built_once(state: Path) -> None:
    names = [images.ensure(IMAGE, "bookworm", print) for _ in range(2)]
    assert names == ["localhost/try:bookworm"] * 2
    assert builds(state) == 1


def test_a_build_that_failed_is_told_and_done_again(state: Path) -> None:
    (state / "broken").touch()

    with pytest.raises(DemoError, match=r"podman build .*no space left on device"):
        images.ensure(IMAGE, "bookworm", print)

    (state / "broken").unlink()

    assert images.ensure(IMAGE, "bookworm", print)
    assert builds(state) == 2


def test_an_image_of_other_inputs_is_not_taken_for_finished(state: Path) -> None:
    name = images.ensure(IMAGE, "bookworm", print)
    (state / name.replace("/", "_")).write_text("inputs of a year ago")
    images.ensure(IMAGE, "bookworm", print)
    assert builds(state) == 2


def test_an_archive_that_was_cut_short_is_made_anew(state: Path) -> None:
    (state / "unreachable").touch()

    with pytest.raises(
        DemoError, match="could not make Debian bookworm:\n  E: cannot reach the mirror"
    ):
        images.ensure(IMAGE, "bookworm", print)

    left = [path.name for path in engine.CACHE.iterdir() if path.suffix == ".tar"]

    assert [name[:8] for name in left] == ["partial-"], (
        "half an archive must not bear the name of a whole one"
    )

    (state / "unreachable").unlink()

    assert images.ensure(IMAGE, "bookworm", print)
