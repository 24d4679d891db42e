"""`python -m quads_tui` is `quads-tui`."""

from quads_tui.cli import main

main()
