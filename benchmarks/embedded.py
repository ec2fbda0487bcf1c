"""Our embedded engine, in one process."""

from __future__ import annotations

import inngest_nb as nb
from benchmarks import cases
from benchmarks.measure import report

if __name__ == "__main__":
    report(cases.run(nb.Inngest(app_id="bench", engine="embedded", data_dir="data")))
