# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The demo systems' own parts that need neither a web server nor a database."""

from __future__ import annotations

import datetime as dt
import os
import pickle
import time
from pathlib import Path

import pytest

from demo import fleet
from demo.app.services import forms, pages

HOME = fleet.PROJECT / "demo" / "image" / "home" / "racing"


class Doubled:
    """A model that a pickle can hold: predicts twice the first feature."""

    def predict(self, rows: list[list[float]]) -> list[float]:
        return [row[0] * 2 for row in rows]


@pytest.fixture
def predictor(tmp_path: Path):  # type: ignore[no-untyped-def]
    from importlib import util

    spec = util.spec_from_file_location(
        "predictor", HOME / "src/models/inference/simple_post_race_predictor.py"
    )

    assert spec and spec.loader

    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model = tmp_path / "model.pkl"
    features = ["lap", "tyre_age", "fuel_kg", "track_temp", "compound"]
    model.write_bytes(pickle.dumps({"model": Doubled(), "features": features}))

    return module.SimplePostRacePredictor(model)


def test_the_template_can_be_predicted(predictor) -> None:  # type: ignore[no-untyped-def]
    rows = predictor.read((HOME / "post_race_sample_template.csv").read_text())
    assert len(rows) == 20
    assert predictor.predict(rows)[:2] == [2.0, 4.0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lap,tyre_age\n1,2\n", "fuel_kg, track_temp, compound"),
        ("lap,tyre_age,fuel_kg,track_temp,compound\n1,2,3,4,soft\n", "line 2"),
        ("lap,tyre_age,fuel_kg,track_temp,compound\n1,2\n", "line 2"),
        ("lap,tyre_age,fuel_kg,track_temp,compound\n", "no rows"),
    ],
)
def test_a_bad_upload_is_named(  # type: ignore[no-untyped-def]
    predictor, text: str, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        predictor.read(text)


def test_every_row_of_a_page_becomes_an_event() -> None:
    source = pages.page(dt.date(2026, 2, 1))
    events = pages.events_of(source)
    assert len(events) == source.count("<tr>") == pages.RIDES
    assert events[0]["location"].endswith(" & meadow"), "entities are undone"
    assert all(event["date_start"] <= event["date_end"] for event in events)


def test_months_go_over_the_end_of_the_year() -> None:
    coming = [f"{first:%Y-%m}" for first in pages.months(dt.date(2026, 11, 30))]
    assert coming[:3] == ["2026-11", "2026-12", "2027-01"]


def test_an_entry_is_used_until_its_kind_is_too_old_or_a_refresh_is_asked_for(
    tmp_path: Path,
) -> None:
    made: list[str] = []

    def make() -> str:
        made.append("x")
        return f"text {len(made)}"

    cache = pages.Cache(tmp_path, refresh=False)

    assert [cache.get("a.json", "json", make) for _ in range(2)] == ["text 1", "text 1"]

    old = time.time() - pages.LIFE["json"] - 1
    os.utime(tmp_path / "a.json", (old, old))

    assert cache.get("a.json", "html", make) == "text 1", "a page lives longer"
    assert cache.get("a.json", "json", make) == "text 2"
    assert (cache.hits, cache.misses) == (2, 2)
    assert pages.Cache(tmp_path, refresh=True).get("a.json", "json", make) == "text 3"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_file_in_a_form_is_taken_like_a_plain_body() -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="tab"\r\n\r\nAnalysis\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="t.csv"\r\n'
        b"Content-Type: text/csv\r\n\r\n"
        b"lap,time\n1,90\n\r\n--b--\r\n"
    )

    assert forms.uploaded("multipart/form-data; boundary=b", body) == "lap,time\n1,90\n"
    assert forms.uploaded("text/csv", b"lap\n") == "lap\n"
    with pytest.raises(ValueError, match="no file"):
        forms.uploaded("multipart/form-data; boundary=b", body.replace(b'; filename="t.csv"', b""))
