"""Run a command as the child of this small process, and print as JSON what it took; its output goes to stderr.

For `_cost.py`, which starts it as `python -IS _child.py COMMAND...`. The kernel starts a child's peak memory at the
size of the process that started it, by fork or vfork, so the one that measures must be small itself.
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
