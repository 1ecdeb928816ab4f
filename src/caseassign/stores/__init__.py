"""The stores that come along: in memory, SQLite, and PostgreSQL."""
