"""The stores that come along: in memory, SQLite, and PostgreSQL; and what stores that others write need as well.

`beside` offers what a store keeps beside its records, ready made, on a connection of the host to SQLite or PostgreSQL;
`create_beside` creates its tables. `Gate` and `Block` see to it that a thread is in one block at a time, and uses it
nowhere else and not after its end. `Chain` sees to it that lines of history continue the chain. These three touch
nothing that a store keeps.
"""

from caseassign.stores.beside import beside, create_beside
from caseassign.stores.block import Block, Gate
from caseassign.stores.chain import Chain

__all__ = ["Block", "Chain", "Gate", "beside", "create_beside"]
