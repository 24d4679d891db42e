"""What survives: the SQLite journal of a rollout, its reader and the locks."""
