"""The names of `websockets.extensions`."""

from .base import ClientExtensionFactory as ClientExtensionFactory
from .base import Extension as Extension
from .base import ServerExtensionFactory as ServerExtensionFactory
