"""Draw the pictures of the documentation: python docs/images/draw.py

They are those of the page how-to/draw-pictures.md: its code is carried out, and what it draws is saved here as PNG.
"""

import re
import sys
from pathlib import Path
from unittest.mock import patch

import altair as alt

FOLDER = Path(__file__).parent
PAGE = FOLDER.parent / "how-to" / "draw-pictures.md"


def draw(folder):
    """Carry out the page, with each picture saved in a folder, as PNG for screens."""

    def save(chart, name, **_):
        saved(chart, folder / Path(name).with_suffix(".png").name, ppi=108)

    saved = alt.TopLevelMixin.save
    with patch.object(alt.TopLevelMixin, "save", save):
        namespace = {}
        for code in re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
            exec(compile(code, str(PAGE), "exec"), namespace)


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
