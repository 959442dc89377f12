"""Checks of the repository: its tools, its documents, its wheels."""
