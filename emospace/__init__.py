"""emospace: from a licensed emotion corpus to numbers with honest intervals.

The library knows nothing of Snakemake, of command lines or of the project's folders; `workflow_scripts`
binds it to both.
"""
