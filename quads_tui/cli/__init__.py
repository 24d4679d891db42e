"""The front door: reads the command line, wires the rooms together, owns the event loop."""

from .main import main

__all__ = ["main"]
