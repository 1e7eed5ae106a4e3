"""The embedded model's own process: a llama.cpp server that lives as long as its stdin is open.

    python -P -m chatcli.model.local_server WEIGHTS ALIAS WINDOW

The first line of stdin is the key that requests must carry: the arguments and the environment of a process
are open to others on the machine. The first line of stdout is the address. A parent that dies, however it
dies, closes stdin. A process of its own, because a crash in native code would take the chat with it.
"""

import sys
from typing import Any

PROMPT_CACHE_MIB = 512
"""Of computed prompts. There is one slot: what a side request (a summary, entities) or another session takes it from
is kept here, 23 KB a token with SmolLM2, and comes back at once: a chat at its largest and three large requests. A slot
of their own would cost as much memory from the start, and with a larger model more than there is."""

BATCH = 256
"""Tokens of a prompt that are computed before the server looks at what else there is. A request that is broken off goes
on to the end of its batch, and the turn that it gave way to waits: 25 seconds with the usual 2048, two with 256; both
are equally fast."""

THREADS = 1  # two wait for each other as soon as anything else runs: 0.4 tokens a second instead of 60


def main() -> None:
    """Serve until stdin ends."""
    weights, alias, window = sys.argv[1:]
    print(serve(weights, alias, int(window), sys.stdin.readline().strip()), flush=True)
    sys.stdin.read()


def serve(weights: str, alias: str, window: int, key: str) -> str:
    """Load the weights (a GGUF file), serve them on a free port of the loopback; return the address."""
    import xllamacpp  # type: ignore[import-untyped,import-not-found,unused-ignore]

    params = xllamacpp.CommonParams()
    params.model.path = weights
    params.model_alias = {alias}
    params.n_ctx = window
    params.n_parallel = 1
    params.api_keys = [key]
    params.cache_ram_mib = PROMPT_CACHE_MIB
    params.n_batch = params.n_ubatch = BATCH
    for cpu in (params.cpuparams, params.cpuparams_batch):
        cpu.n_threads = THREADS
        cpu.poll = 0  # sleep while waiting
    params.ui = False
    params.verbosity = 0
    global _server
    _server = xllamacpp.Server(params)
    return str(_server.listening_address)


_server: Any = None
"""Kept: the server stops when the object goes."""


if __name__ == "__main__":
    main()
