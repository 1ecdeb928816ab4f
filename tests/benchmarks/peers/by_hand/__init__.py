"""Hand-written SQL over sqlite3: what a very good engineer writes for these works alone."""

from benchmarks.peers.by_hand.adding import add, four
from benchmarks.peers.by_hand.auditing import audit, audit_in_two_threads
from benchmarks.peers.by_hand.cases import cases
from benchmarks.peers.by_hand.exporting import export
from benchmarks.peers.by_hand.files import build
from benchmarks.peers.by_hand.importing import import_, import_once
from benchmarks.peers.by_hand.reassigning import reassign

__all__ = [
    "add",
    "audit",
    "audit_in_two_threads",
    "build",
    "cases",
    "export",
    "four",
    "import_",
    "import_once",
    "reassign",
]
