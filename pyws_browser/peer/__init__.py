"""The peer that a program talks through, and reconnection."""
