"""RFC 6455 without I/O: bytes in, messages out, and the other way round."""
