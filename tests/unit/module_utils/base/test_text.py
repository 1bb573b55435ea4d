# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Words in a text, and text that can be shown."""

from __future__ import annotations

import pytest
from ansible.module_utils.upkeep.base.text import contains_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("loaded model v1", "v1"),
        ("loaded v1, then served", "v1"),
        ("v1. Ready.", "v1"),
        ("path=/srv/model-v1.pkl", "/srv/model-v1.pkl"),
        ("LOG_LEVEL=(INFO)", "(INFO)"),
        ("a.b", "."),
        ("größe 2", "größe"),
    ],
)
def test_whole_words_are_found(text: str, words: str):
    assert contains_words(text, words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("loaded model v10", "v1"),
        ("loaded model v1.2", "v1"),
        ("loaded model xv1", "v1"),
        ("axb", "a.b"),
        ("UNINFORMED", "INFO"),
        ("", "v1"),
    ],
)
def test_parts_of_words_are_not(text: str, words: str):
    assert not contains_words(text, words)
