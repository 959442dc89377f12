"""The version that the stand-in follows."""

released = True
tag = version = "17.0"
commit = "0" * 40
