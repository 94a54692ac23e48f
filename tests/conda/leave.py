"""Run a script with the stand-in's Python and skip the interpreter's teardown if it succeeds.

py-rattler's threads may still hold Python objects during teardown, which makes the interpreter abort occasionally: by
then all work is written, but the exit status reports a failure. A failing script ends as usual.
"""

import os
import runpy
import sys

sys.argv = sys.argv[1:]
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
sys.stdout.flush()
sys.stderr.flush()
os._exit(0)
