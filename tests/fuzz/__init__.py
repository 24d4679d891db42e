"""Random damage to everything that the program parses: only declared exceptions may come out, in bounded time."""
