"""The stores that come along: in memory, SQLite, and PostgreSQL; and what stores that others write need as well.

`Gate` and `Block` see to it that a thread is in one block at a time, and uses it nowhere else and not after its end.
`Chain` sees to it that lines of history continue the chain. Neither touches what a store keeps.
"""

from caseassign.stores.block import Block, Gate
from caseassign.stores.chain import Chain

__all__ = ["Block", "Chain", "Gate"]
