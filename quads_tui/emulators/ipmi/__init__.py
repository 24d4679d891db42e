"""Emulated BMCs that speak IPMI 2.0 only: RMCP+ over UDP ("lanplus"), in front of the same machines as the Redfish ones.

Each module imports those above it only:

- `packets`: RMCP, IPMI 1.5 and RMCP+ frames, and IPMI messages in them
- `ciphers`: what cipher suites 3 and 17 compute
- `sessions`: logins (RAKP), sessions and their limits
- `boot_options`, `state`: what the machine is told to boot, and all else that the BMC remembers
- `faults`: what goes wrong with such a BMC
- `commands`: the IPMI commands, and what they do to the machine
- `service`: one BMC: its counters, its fault, its UDP port
"""
