"""Cutting a stream into batches, so that many records are read or written with few statements and little memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def in_batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield lists of ``size`` items, the last one shorter, and none that is empty."""
    stream = iter(items)
    while batch := list(islice(stream, size)):
        yield batch
