"""What several machines share, in PostgreSQL (the extra `cluster`). Only this package imports psycopg."""
