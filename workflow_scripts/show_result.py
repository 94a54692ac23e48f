"""Print the table of results of a config and the path of its report."""

import argparse
import sys
from pathlib import Path

from emospace.core.errors import InputError
from emospace.plan.checks import validate
from emospace.plan.config_files import read_config


def result_folder(config: Path) -> Path:
    """Return the folder of a config's results."""
    content = read_config(config)
    validate(content)
    return Path("results", content["name"])


def shown(folder: Path) -> str:
    """Return the table at the start of result.txt, and the path of the report."""
    result = folder / "result.txt"
    if not result.exists():
        raise InputError(result, "there are no results yet", "run snakemake with this config")
    table, _, _ = result.read_text(encoding="utf-8").partition("\n===")
    return f"{table}\nreport: {(folder / 'report.html').resolve()}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--configfile", type=Path, default=Path("config.yaml"), help="as given to snakemake")
    args = parser.parse_args()
    try:
        print(shown(result_folder(args.configfile)))
    except InputError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
