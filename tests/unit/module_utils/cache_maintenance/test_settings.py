# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settings that cannot work are refused with place, value and advice."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.cache_maintenance.settings import SettingsError, parse

from tests.unit.module_utils.cache_maintenance.folders import CLASSES, file_cache

ROOT = Path("/srv/x")
REDIS: dict[str, t.Any] = {"name": "r", "patterns": [{"name": "a", "pattern": "a:*"}]}
WARMING: dict[str, t.Any] = {
    "name": "w",
    "user": "u",
    "folder": "/",
    "argv": ["x"],
    "every_hours": 6,
}
SCRAPER: dict[str, t.Any] = {"name": "s", "unit": "s.service", "file_cache": "calendar"}
LEFT: dict[str, t.Any] = {"name": "l", "root": "/srv", "files": "test_*.db"}


def files(**options: t.Any) -> dict[str, t.Any]:
    return {"file_caches": [file_cache(ROOT, **options)]}


def classes(**options: t.Any) -> dict[str, t.Any]:
    return files(classes=[{"name": "c", "files": "*.x", "hours": 1, **options}])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (files(folder="/srv/y"), "must lie below its root '/srv/x'"),
        (files(folder="/srv/x"), "must lie below its root"),
        (files(folder="/srv/x/../y"), "must lie below its root"),
        (files(root="/"), "which is not /"),
        (files(classes=CLASSES[:1] * 2), "duplicate name 'html'"),
        (files(hits={"unit": "a.service", "pattern": "x"}), "needs the groups 'hits'"),
        (files(hits={"unit": "a*.service", "pattern": "x"}), "must match"),
        (classes(files="a/b"), "must match"),
        (classes(key="x"), "has 0 groups; it must have one"),
        (classes(row_pattern="("), "is not a regular expression"),
        (classes(structure_pattern="x"), "needs a row_pattern"),
        (classes(fields={"a": "text"}), "needs items"),
        (classes(items="a", fields={"a": "txt"}), "choose one of"),
        (classes(pages="*.y"), "pages needs items"),
        (classes(hours=0), "above 0"),
        ({"redis_caches": [{**REDIS, "username": "u"}]}, "needs a password"),
        ({"redis_caches": [{**REDIS, "ca_file": "/x"}]}, "needs tls"),
        ({"redis_caches": [{**REDIS, "patterns": []}]}, "at least 1"),
        ({"redis_caches": [{**REDIS, "protected": [""]}]}, "would protect every key"),
        ({**files(), "redis_caches": [{**REDIS, "name": "calendar"}]}, "is a file cache already"),
        ({"warmings": [{**WARMING, "redis_cache": "q"}]}, "name one of redis_caches"),
        ({"warmings": [{**WARMING, "restart": {"argv": ["x"]}}]}, "needs a redis_cache"),
        ({"warmings": [{**WARMING, "min_minutes": 0}]}, "without a pause"),
        ({"scrapers": [SCRAPER]}, "name one of file_caches"),
        ({**files(), "scrapers": [{**SCRAPER, "due_classes": ["jsn"]}]}, "did you mean 'json'"),
        ({**files(), "scrapers": [{**SCRAPER, "triggers": {}}]}, "triggers needs refresh"),
        ({**files(), "scrapers": [{**SCRAPER, "unit": "s.timer"}]}, "must match"),
        (
            {**files(), "scrapers": [SCRAPER], "run": ["s"], "switches": ["debug"]},
            "has no switch 'debug'",
        ),
        ({**files(), "scrapers": [SCRAPER], "run": ["t"]}, "known are: s"),
        ({"switches": ["debug"]}, "switches needs run"),
        ({**files(), "empty": ["calendar.jsn"]}, "did you mean 'calendar.json'"),
        ({"leftovers": [{**LEFT, "files": "*"}]}, "at least three letters"),
        ({"leftovers": [{**LEFT, "min_hours": 0}]}, "a test may be at work"),
        ({"leftovers": [LEFT, LEFT]}, "duplicate name 'l'"),
    ],
)
def test_it_is_refused(values: dict[str, t.Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message.replace("(", r"\(")):
        parse(values)


def test_what_is_of_another_component_is_left_out_but_checked() -> None:
    values = {**files(component="app"), "redis_caches": [{**REDIS, "component": "redis"}]}
    here = parse({**values, "components": ["redis"]})

    assert here.file_caches == ()
    assert [cache.name for cache in here.redis_caches] == ["r"]
    assert parse({"components": []}).is_empty
