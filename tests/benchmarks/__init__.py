"""Benchmarks: the same works by caseassign and by what a user would pick instead."""
