"""The acts: the write side, one workflow a file."""
