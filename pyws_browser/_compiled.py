"""Which of the two wheels this is: the plain one, or the one in which mypyc compiled the inner loops."""

from typing import Final


def _probe() -> None:
    """Have bytecode unless the module is compiled."""


compiled: Final = not hasattr(_probe, "__code__")
"""Whether the inner loops of the wire and of the Variant codec are compiled here; they do the same either way."""
