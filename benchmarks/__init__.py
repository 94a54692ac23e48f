"""Speed claims: ratios against a named baseline with the same output, measured in one run."""
