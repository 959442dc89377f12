"""Makes third-party code that uses `websockets`, or WebSockets through asyncio, run in a page."""
