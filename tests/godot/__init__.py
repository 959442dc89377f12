"""Godot's client and multiplayer sessions."""
