"""Metrics, one module each: see Metric in emospace/core/contracts.py."""
