"""Servers that mean harm: every answer may be a lie, a flood or a trap. What the program makes of them must stay bounded and clean."""
