"""The conformance kit: tells whether a store does what the contract in `caseassign.storage` says.

In three forms over the same checks::

    from caseassign.testing import check_store
    report = check_store(open_store)                # needs neither pytest nor hypothesis

    from caseassign.testing.suite import StoreSuite             # for pytest
    from caseassign.testing.machine import store_machine        # for hypothesis

`caseassign.testing.strategies` makes records, periods and whole worlds, for properties of one's own.
"""

from caseassign.testing.checks import CHECKS, Check, name_of, sentence_of
from caseassign.testing.expecting import CheckFailedError
from caseassign.testing.place import OpenStore, Place
from caseassign.testing.report import Report, Result
from caseassign.testing.run import NotCheckableError, check_store

__all__ = [
    "CHECKS",
    "Check",
    "CheckFailedError",
    "NotCheckableError",
    "OpenStore",
    "Place",
    "Report",
    "Result",
    "check_store",
    "name_of",
    "sentence_of",
]
