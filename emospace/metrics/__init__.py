"""Metrics, one module each: see Metric in emospace/contracts.py."""
