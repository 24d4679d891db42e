"""Emulated BMCs: documents of several families over one state machine, each behind a port of its own.

Each module imports those above it only:

- `replies`, `sessions`, `bios`: a request and its reply, who is logged in, a Dell's BIOS settings
- `hardware`: power, POST and boots of one machine, and how long they take
- `state`: what one BMC knows and remembers; `family`: the documents and replies of one kind of firmware, an object without state
- `dell_bios_pages`, `families/`: the firmware of the trade
- `bmc`: the state, the family and the network of one BMC; `faults` and its neighbours: what goes wrong with it
- `service`: what each path answers, with the fault in front; `transmission`: how a reply is sent
- `fleet`: all BMCs, their listeners and their counters

A new family: a module in `families` with a class that has `name` and `models`. What its firmware does otherwise is an attribute
or a method of that class. A new fault: a class below `faults.Fault`, and a row in `fault_profiles` with its name and the families
that can have it.
"""
