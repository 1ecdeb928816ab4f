"""The process in which atheris runs a target of the fuzzer; ``fuzz.py`` starts it.

Only the readers are instrumented: what they stand on is imported before.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from random import Random
from typing import Any

import caseassign  # noqa: F401  # before the readers, so that only they are instrumented

atheris: Any = importlib.import_module("atheris")  # it has no types, and is not on every machine
with atheris.instrument_imports(include=["caseassign"]):
    import fuzz_plants
    from fuzz import TARGETS, Guarded, described, spoiled

_TELL_EVERY = 100
_RAW = 0.15
"""The part of the inputs whose bytes are changed without knowing what they mean."""
_ANEW = 0.4
"""The part that is made of a seed: what the fuzzer collects by itself is refused at the first byte, most of it."""


def _tell(told: dict[str, Any]) -> None:
    sys.stderr.write(f"FUZZ {json.dumps(told)}\n")
    sys.stderr.flush()


def run(name: str, plant: str, folder: Path, options: list[str]) -> None:
    """Run a target until the fuzzer ends the process, which leaves no time to tidy up: the folder is lent to it."""
    target = TARGETS[name]
    seeds = target.seeds()

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        random = Random(seed)
        how = random.random()
        if how < _RAW:
            return bytes(atheris.Mutate(data, most))
        return spoiled(random.choice(seeds) if how < _RAW + _ANEW else data, target.mutate, random)[:most]

    with fuzz_plants.planted(name, None if plant == "-" else plant):
        guarded = Guarded(target, folder)

        def try_one(data: bytes) -> None:
            try:
                guarded(data)
            except Exception as error:
                _tell(guarded.told() | {"found": described(error)})
                raise
            if guarded.runs % _TELL_EVERY == 0:
                _tell(guarded.told())

        atheris.Setup([sys.argv[0], *options], try_one, custom_mutator=mutate)
        atheris.Fuzz()


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4:])
