"""The sample host application in headless Chromium: `python -m pytest -q -m browser tests/browser`."""
