"""Metrics, one module each; see Metric in docs/contracts.md."""
