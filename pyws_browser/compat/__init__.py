"""What is named after `websockets` and serves `aio` and `sync` alike."""
