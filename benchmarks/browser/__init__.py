"""WebSockets in a page of headless Chromium: this package beside plain JavaScript and what people use today."""
