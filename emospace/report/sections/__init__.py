"""Sections of the report, one file each; see Section in docs/contracts.md."""
