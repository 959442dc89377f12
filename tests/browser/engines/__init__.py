"""The engines that the browser tests run in, by the names of `pytest --engine`."""

from __future__ import annotations

from importlib import import_module

from .runner import EngineMissingError, Runner, Setting

_MODULES = {"chromium": "driven.Chromium", "firefox": "firefox.Firefox", "webkit": "driven.WebKit", "node": "node.Node"}

ENGINES = tuple(_MODULES)


def start_engine(engine: str, setting: Setting) -> Runner:
    """Start an engine; raises EngineMissingError where it is not installed."""
    module, _, name = _MODULES[engine].partition(".")
    runner_type: type[Runner] = getattr(import_module(f".{module}", __name__), name)
    return runner_type(setting)


__all__ = ["ENGINES", "EngineMissingError", "Runner", "Setting", "start_engine"]
