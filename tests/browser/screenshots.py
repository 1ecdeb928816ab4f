"""Takes the pictures of the sample host application: `cd tests && python -m browser.screenshots [FOLDER]`."""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from host_app.ground import ground_on, serving
from PIL import Image
from playwright.sync_api import sync_playwright

from browser.conftest import chromium_of
from browser.pages import PAGES
from browser.people import Person

FOLDER = Path(__file__).parents[2] / "docs" / "images" / "host_app"
SIZE = {"width": 1240, "height": 620}


def main(folder: Path) -> None:
    """Take a picture of every page, as it is for whoever has just begun."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ground = stack.enter_context(ground_on("sqlite", place))
        name = stack.enter_context(ground.filled())
        url = stack.enter_context(serving(name, place / "log"))
        browser = chromium_of(stack.enter_context(sync_playwright()))
        for page, lead_to in PAGES.items():
            ground.refill(name)
            context = browser.new_context(base_url=url, viewport=SIZE, color_scheme="light")
            me = Person(context.new_page())
            lead_to(me)
            me.page.evaluate("document.activeElement.blur()")
            picture = folder / f"{page}.png"
            me.page.screenshot(path=picture, full_page=True)
            context.close()
            # Few colours are enough, and make small files.
            Image.open(picture).convert("RGB").quantize(96, dither=Image.Dither.NONE).save(picture, optimize=True)
            print(f"{picture} {picture.stat().st_size // 1000} kB")  # noqa: T201  # what was made
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
