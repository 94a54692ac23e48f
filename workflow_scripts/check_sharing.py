"""Print the licence of every corpus with data in this project before `dvc push`; refuse if one must not be shared."""

import sys

from emospace.core.errors import InputError
from emospace.plan.sharing import check_sharing


def main():
    try:
        licences = check_sharing()
    except InputError as error:
        sys.exit(str(error))
    for name, licence in licences.items():
        print(f"{name} and everything derived from it: {licence}")


if __name__ == "__main__":
    main()
