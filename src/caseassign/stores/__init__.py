"""The stores that come along: in memory, and SQLite."""
