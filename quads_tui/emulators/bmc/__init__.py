"""Emulated BMCs: documents of several families over one state machine, each behind a port of its own."""
