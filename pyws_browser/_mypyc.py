"""An attribute for mypyc about a class, without a dependency on `mypy_extensions`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_extensions import mypyc_attr
else:

    def mypyc_attr(**_: Any) -> Any:
        """Do nothing: only the compiler looks."""
        return lambda cls: cls


__all__ = ["mypyc_attr"]
