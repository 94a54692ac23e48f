"""Run a command as a child of this small process and print its cost as JSON; its output goes to stderr.

`_cost.py` starts it as `python -IS _child.py COMMAND...`. After fork or vfork, the kernel counts the size of the parent
towards the child's peak memory, so the measuring process must be small.
"""

import json
import os
import sys


def main(command: list[str]) -> int:
    to_stderr = [(os.POSIX_SPAWN_DUP2, 2, 1)]
    process = os.posix_spawnp(command[0], command, os.environ, file_actions=to_stderr)
    _, status, used = os.wait4(process, 0)
    print(json.dumps({"seconds": used.ru_utime + used.ru_stime, "memory": used.ru_maxrss / 1024}))
    return os.waitstatus_to_exitcode(status) and 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
