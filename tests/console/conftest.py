"""For the tests of screens: textual's pilot waits until the process has nothing to do, and no longer than a second; of granted time."""

from __future__ import annotations

import textual._wait

from tests.clocks import granted

textual._wait.monotonic = granted  # type: ignore[attr-defined]
