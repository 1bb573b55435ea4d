# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Repositories to deploy from: one of each system with an application, and the wheels they lock.

The same text, author and time make the same commits, so whoever makes them anew gets the same ids.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import typing as t
import zipfile
from pathlib import Path

from .errors import DemoError
from .fleet import PROJECT, Definition

#: Tag -> version that the application answers.
GOOD: t.Final = {"v1.0.0": "1.0.0", "v1.1.0": "1.1.0"}
#: Cannot be imported.
BAD: t.Final = "v1.2.0"
_WHEEL: t.Final = "shopmark-1.0-py3-none-any.whl"
_MOMENT: t.Final = "1780000000 +0000"
_SETTINGS: t.Final = "services/settings.py"


def make(folder: Path, definition: Definition) -> list[Path]:
    """Make the repositories and the folder of wheels anew; return the repositories."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    lock = make_wheel(folder / "wheels")
    systems = sorted(
        {host.system for host in definition.hosts.values() if "app" in host.components}
    )

    return [_repository(folder / system, system, lock) for system in systems]


def make_wheel(folder: Path) -> str:
    """Write a small wheel into a folder and return the line that locks it."""
    folder.mkdir()
    files = {
        "shopmark.py": "MARK = 'locked'\n",
        "shopmark-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: shopmark\nVersion: 1.0\n",
        "shopmark-1.0.dist-info/WHEEL": (
            "Wheel-Version: 1.0\nGenerator: demo\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
    }
    record = ""
    with zipfile.ZipFile(folder / _WHEEL, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(zipfile.ZipInfo(name), text)
            coded = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode()
            record += f"{name},sha256={coded.rstrip('=')},{len(text)}\n"
        name = "shopmark-1.0.dist-info/RECORD"
        wheel.writestr(zipfile.ZipInfo(name), f"{record}{name},,\n")

    digest = hashlib.sha256((folder / _WHEEL).read_bytes()).hexdigest()

    return f"shopmark==1.0 --hash=sha256:{digest}\n"


def _repository(place: Path, system: str, lock: str) -> Path:
    """Make the repository of a system: the application, and what else its home has of code."""
    left_out = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(PROJECT / "demo" / "app", place, ignore=left_out)
    home = PROJECT / "demo" / "image" / "home" / system
    if home.is_dir():
        shutil.copytree(home, place, ignore=left_out, dirs_exist_ok=True)
    (place / "requirements.lock").write_text(lock, encoding="utf-8")

    settings = place / _SETTINGS
    first = settings.read_text(encoding="utf-8")
    _git(place, "init", "--quiet")
    for tag, version in GOOD.items():
        settings.write_text(first.replace('"1.0.0"', f'"{version}"'), encoding="utf-8")
        _commit(place, tag)
    settings.write_text("import nowhere\n", encoding="utf-8")
    _commit(place, BAD)

    return place


def _commit(place: Path, tag: str) -> None:
    _git(place, "add", "--all", "--force")
    _git(place, "commit", "--quiet", "--allow-empty", "--no-verify", "--message", tag)
    _git(place, "tag", tag)


def _git(place: Path, *words: str) -> None:
    """Run git as an author and at a time that are the same each time, whoever runs it."""
    author = ("-c", "user.name=demo", "-c", "user.email=demo@example.org")
    fixed = (
        "-c",
        "init.defaultBranch=main",
        "-c",
        "commit.gpgSign=false",
        "-c",
        "tag.gpgSign=false",
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(  # noqa: S603 - an argv list
        ["git", "-C", str(place), *author, *fixed, *words],  # noqa: S607
        env={**kept, "GIT_AUTHOR_DATE": _MOMENT, "GIT_COMMITTER_DATE": _MOMENT},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise DemoError(f"git {words[0]} in {place}: {done.stderr.strip() or done.stdout.strip()}")
