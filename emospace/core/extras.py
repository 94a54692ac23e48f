"""Packages of requirements-extra.txt: code that needs one refuses to start without it and names the command."""

from importlib.metadata import PackageNotFoundError, version

from emospace.core.errors import InputError


def require(package: str, where: str) -> None:
    """Raise InputError at `where` unless the distribution `package` is installed."""
    try:
        version(package)
    except PackageNotFoundError as error:
        remedy = f"run: pip install {package} -c constraints.txt"
        raise InputError(where, f"the package {package} is not installed", remedy) from error
