"""Code with the names of `websockets`, shared by `aio` and `sync`."""
