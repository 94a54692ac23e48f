"""Before `dvc push`: say the licence of every corpus that lies here, and refuse if one may not be shared."""

import sys

from emospace.core.errors import InputError
from emospace.plan.sharing import check_sharing


def main():
    try:
        licences = check_sharing()
    except InputError as error:
        sys.exit(str(error))
    for name, licence in licences.items():
        print(f"{name}, and what is made from it: {licence}")


if __name__ == "__main__":
    main()
