"""Speed claims, each a ratio against a named naive way, measured in one run with the same output."""
