"""Analyses of trained runs, one file each; see Analysis in docs/contracts.md."""
