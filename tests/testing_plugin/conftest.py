"""The plugin's fixtures, which the test runs of this repository do not load by the entry point."""

from pyws_browser.testing.plugin import (  # noqa: F401
    pyws_echo,
    pyws_network,
    pyws_relay,
    pyws_server,
    pyws_web_limits,
)
