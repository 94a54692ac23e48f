"""Run a script of the stand-in's Python and leave at once when it has ended well.

py-rattler's threads may still hold Python objects when the interpreter is torn down, which then aborts now and then:
the work is done and written by that time, but the exit status says otherwise. A script that fails ends as always.
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
