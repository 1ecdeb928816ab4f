"""Holds the two forms of each rule against each other on Spark, as `test_rules_in_sql` does on the other engines.

    python -m pip install -e ".[spark]"
    python tests/rules_on_spark.py

Spark runs in this process, on all cores; it needs Java 17. Exit status 1 where a difference is found, or a planted one
is not.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any, Final

import attrs
from dirty_worlds import worlds
from hypothesis import Phase, given, seed, settings
from rule_engines import COLUMNS, PLAIN, Engine, tables_of, with_days_as_text
from rule_forms import ADVISORY, PLANTS, REQUIRED, RULES, SOURCE_PLANTS, unnoticed, unnoticed_in_source
from rule_worlds import World, every_case, of_two_stints_in_an_exited_stay

from caseassign.rules import Rules

ONE_IN: Final = 5


def session(folder: str) -> Any:
    """Start Spark in this process, with everything that it writes in a folder."""
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    settings = {
        "spark.driver.memory": "3g",
        "spark.driver.host": "127.0.0.1",
        "spark.local.dir": folder,
        "spark.sql.warehouse.dir": f"{folder}/warehouse",
        "spark.sql.shuffle.partitions": "4",
        "spark.sql.autoBroadcastJoinThreshold": "64m",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
    }
    builder = import_module("pyspark.sql").SparkSession.builder.master("local[*]").appName("rules")
    for name, value in settings.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


@contextmanager
def in_spark(spark: Any, world: World, days: str) -> Iterator[Engine]:
    """Put the six tables into Spark, with days as a ``date`` or as a ``string``."""
    kinds = {"text": "string", "integer": "int", "date": days}
    folder = Path(tempfile.mkdtemp(dir=spark.conf.get("spark.local.dir")))  # Spark may read on when it has answered
    for name, rows in tables_of(world).items():
        file = folder / f"{name}.json"
        with file.open("w") as lines:
            for row in with_days_as_text(rows):
                lines.write(json.dumps(dict(zip(COLUMNS[name], row, strict=True))) + "\n")
        schema = ", ".join(f"{column} {kinds.get(kind, kind)}" for column, kind in COLUMNS[name].items())
        spark.read.schema(schema).json(str(file)).cache().createOrReplaceTempView(name)
    tables = attrs.evolve(PLAIN, backslashes=True)
    yield Engine(tables, lambda sql: map(tuple, spark.sql(sql).collect()), apart=True)
    spark.catalog.clearCache()


class Report:
    """What was tried, and what went wrong."""

    def __init__(self) -> None:
        self.worlds = self.cases = self.found = 0
        self.problems: list[str] = []

    def compare(self, what: str, world: World, engine: Engine, rules: tuple[Rules, Rules]) -> None:
        """Hold what Python finds in a world against what Spark finds."""
        expected = world.found(*rules)
        found = engine.found(*rules, world.as_of)
        self.worlds += 1
        self.found += found.total()
        differences = Counter(each[0] for each in chain(expected - found, found - expected))
        self.problems += [f"{what}: {number} differences in {code}" for code, number in sorted(differences.items())]

    def plant(self, world: World, engine: Engine) -> None:
        """See that each planted difference shows."""
        truth = world.found(REQUIRED, ADVISORY)
        kept = [*unnoticed(PLANTS, engine, truth), *unnoticed_in_source(SOURCE_PLANTS, engine, truth)]
        self.problems += [f"a planted difference does not show: {plant}" for plant in kept]


def tried(spark: Any, number: int) -> Report:
    """Try every case, with days as dates and as text, and so many random worlds."""
    report = Report()
    world = every_case()
    for days in ("date", "string"):
        with in_spark(spark, world, days) as engine:
            report.compare(f"every case, days as {days}", world, engine, (REQUIRED, ADVISORY))
    exited = World()
    of_two_stints_in_an_exited_stay(exited)
    with in_spark(spark, exited, "date") as engine:
        report.compare("two stints in an exited stay", exited, engine, (REQUIRED, ADVISORY))
    report.cases = world.cases.total() + exited.cases.total()
    part = every_case(ONE_IN)
    with in_spark(spark, part, "date") as engine:
        report.plant(part, engine)
    for count, dirty in enumerate(some_worlds(number)):
        with in_spark(spark, dirty, "string" if count % 2 else "date") as engine:
            report.compare(f"random world {count}", dirty, engine, (REQUIRED, ADVISORY))
    return report


def some_worlds(number: int) -> list[World]:
    """Return so many random worlds, the same ones every time."""
    drawn: list[World] = []

    @seed(0)
    @settings(max_examples=number, database=None, deadline=None, phases=[Phase.generate])
    @given(worlds())
    def draw(world: World) -> None:
        drawn.append(world)

    draw()
    return drawn


def main() -> int:
    """Try everything, print what came of it, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=20, metavar="N", help="how many random worlds to try (20)")
    number = parser.parse_args().worlds
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        spark = session(folder)
        version = spark.version
        try:
            report = tried(spark, number)
        finally:
            spark.stop()
    said = [
        f"Spark {version}, {time.monotonic() - began:.0f} s: {len(RULES)} rules in both forms, {report.cases} cases,",
        f"most with days as dates and as text, and {number} random worlds: {report.found} violations.",
        f"{len(PLANTS) + len(SOURCE_PLANTS)} differences were planted. {len(report.problems)} problems.",
    ]
    sys.stdout.writelines(f"{line}\n" for line in [*said, *report.problems])
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
