"""The story of the demo: every scene of the two guides, on the bundled export."""

from __future__ import annotations

import re

from caseassign.demo.story import tell
from caseassign.display.blocks import plain


def test_the_story_shows_each_scene_of_the_guides() -> None:
    """Issue: home workspace, a client, an assignment that is refused, two exits, inactive, reactivate, audit."""
    told = "\n".join(plain(tell()))
    for scene in (
        "Active cases of Kim Cinderbank (U1) as of 2 Mar 2026",
        "Head of household",
        "Household: Chidi Bramblevale (C0085), child",
        "Refused, and nothing was written. user U3 has no access",
        "made 3 assignments",
        "Exited enrollment E0017 on 1 Mar 2026; ended 1 assignment",
        "Exited enrollment E0061 on 2 Mar 2026; kept 1 assignment",
        "Inactive cases of Kim Cinderbank (U1)",
        "Inactive cases now: 13. Active cases now: 11.",
        "Required: 0 violations.",
        "kept-after-exit",
        "History of enrollment E0017",
        "The history is whole",
    ):
        assert scene.casefold() in told.casefold(), scene


def test_the_story_is_the_same_whenever_it_is_told() -> None:
    """Issue: it takes place on one day, whatever day it is told on; only ids and moments differ."""

    def without_ids() -> str:
        told = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<id>", "\n".join(plain(tell())))
        return re.sub(r"\d+ \w{3} \d{4} \d\d:\d\d UTC", "<moment>", told)

    assert without_ids() == without_ids()
