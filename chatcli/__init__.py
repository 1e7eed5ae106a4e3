"""A chat in the terminal with a memory you can see and steer."""

__version__ = "0.1.0"
