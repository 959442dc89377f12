"""A class decorator that only mypyc reads; it saves a dependency on `mypy_extensions`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_extensions import mypyc_attr
else:

    def mypyc_attr(**_: Any) -> Any:
        """Do nothing at run time: only the compiler reads it."""
        return lambda cls: cls


__all__ = ["mypyc_attr"]
