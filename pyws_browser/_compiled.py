"""Which of the two wheels this is: that in which mypyc compiled the inner loops, this module among them, or plain."""

from typing import Final


def _probe() -> None:
    """Have bytecode, or not."""


compiled: Final = not hasattr(_probe, "__code__")
"""Whether the inner loops of the wire and of the Variant codec are compiled here; they do the same either way."""
