"""The exceptions of the emulators, all below one."""

from __future__ import annotations


class EmulatorError(Exception):
    """Base of all that the emulators raise by themselves."""


class OptionsError(EmulatorError, ValueError):
    """What was asked for cannot be emulated: an unknown name, a number out of range, an unusable fleet file."""
