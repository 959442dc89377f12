"""What extensions are derived from; a page negotiates them by itself."""


class Extension:
    """An extension."""


class ClientExtensionFactory:
    """What makes a client's extension."""


class ServerExtensionFactory:
    """What makes a server's extension."""
