"""The rehearsal: one Foreman and a fleet of BMCs as real HTTP servers on loopback.

Tests judge the clients by what these servers saw, so they share no code with them: this package imports nothing from the
rest of quads_tui.
"""
