"""Godot's client and its multiplayer sessions."""
