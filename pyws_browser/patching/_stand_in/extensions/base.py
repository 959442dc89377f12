"""The base classes of extensions, for names alone: the browser negotiates compression by itself."""


class Extension:
    """An extension."""


class ClientExtensionFactory:
    """The factory of a client's extension."""


class ServerExtensionFactory:
    """The factory of a server's extension."""
