"""Third-party code that imports `websockets`, or opens WebSockets through asyncio, made to run in a page."""
