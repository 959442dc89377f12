"""The transport of a page: the browser's own WebSocket."""
