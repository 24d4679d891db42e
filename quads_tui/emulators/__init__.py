"""The rehearsal: one Foreman and a fleet of BMCs as real HTTP servers on loopback.

They are what newcomers meet and what all proof rests on, so they share no code with the clients: this room imports nothing
from the rest of the house.
"""
