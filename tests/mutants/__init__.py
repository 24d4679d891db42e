"""Which behaviour do the tests hold? The code is broken on purpose, in a copy, and the tests must notice.

`table`: breaks that must be noticed, by name. `sample`: breaks at random. Run either with `python -m tests.mutants --help`.
"""
