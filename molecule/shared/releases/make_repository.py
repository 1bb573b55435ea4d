# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make a repository of releases, and the wheel that they lock: ``make_repository.py FOLDER``.

v1, v3 and v6 to v11 are good; v2 cannot be imported; v4 answers its probe otherwise; v5 asks for a
wheel that is not there.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
WHEEL = "shopmark-1.0-py3-none-any.whl"


def git(folder: Path, *words: str) -> None:
    """Run git as an author that is the same each time."""
    moment = {"GIT_AUTHOR_DATE": "1780000000 +0000", "GIT_COMMITTER_DATE": "1780000000 +0000"}
    name = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main")
    subprocess.run(["git", "-C", folder, *name, *words], check=True, env={**os.environ, **moment})


def make_wheel(folder: Path) -> str:
    """Write a wheel and return the line that locks it."""
    folder.mkdir()
    files = {
        "shopmark.py": "MARK = 'locked'\n",
        "shopmark-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: shopmark\nVersion: 1.0\n",
        "shopmark-1.0.dist-info/WHEEL": (
            "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
    }
    record = ""
    with zipfile.ZipFile(folder / WHEEL, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
            record += f"{name},sha256={digest.decode().rstrip('=')},{len(text)}\n"
        wheel.writestr(
            "shopmark-1.0.dist-info/RECORD", record + "shopmark-1.0.dist-info/RECORD,,\n"
        )

    digest = hashlib.sha256((folder / WHEEL).read_bytes()).hexdigest()

    return f"shopmark==1.0 --hash=sha256:{digest}\n"


def main() -> None:
    """Make everything anew."""
    base = Path(sys.argv[1])
    shutil.rmtree(base, ignore_errors=True)
    base.mkdir(parents=True)
    lock = make_wheel(base / "wheels")
    repository = base / "app.git"
    shutil.copytree(PROJECT / "demo" / "app", repository)
    for cached in repository.rglob("__pycache__"):
        shutil.rmtree(cached)
    (repository / "tests").mkdir()
    (repository / "tests" / "test_release.py").write_text(
        "import shopmark\n\n\ndef test_lock():\n    assert shopmark.MARK == 'locked'\n"
    )
    settings = repository / "services" / "settings.py"
    first = settings.read_text()
    git(repository, "init", "--quiet")

    def release(tag: str, text: str, locked: str = lock) -> None:
        settings.write_text(text)
        (repository / "requirements.lock").write_text(locked)
        git(repository, "add", "--all")
        git(repository, "commit", "--quiet", "--message", tag)
        git(repository, "tag", tag)

    def version(number: str) -> str:
        return first.replace('VERSION: t.Final = "1.0.0"', f'VERSION: t.Final = "{number}"')

    release("v1", version("2.0.0"))
    release("v2", "import nowhere  # planted\n")
    release("v3", version("3.0.0"))
    release("v4", version("wrong"))
    release("v5", version("5.0.0"), lock.replace("sha256:", "sha256:0")[:-2] + "\n")
    release("v6", version("6.0.0"))
    for number in range(7, 12):
        release(f"v{number}", version(f"{number}.0.0"))


if __name__ == "__main__":
    main()
