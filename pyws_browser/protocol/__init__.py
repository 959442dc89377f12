"""The vocabulary and the web's rules, without I/O."""
