"""The peer that a program talks through, and what connects it again."""
