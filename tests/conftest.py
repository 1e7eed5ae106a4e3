"""What holds for all tests: a run in a script's background, or under nohup, ignores signals no more than another.

The programs that tests start would inherit that, and signals are part of what is tested.
"""

import signal

_DEFAULTS = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGQUIT: signal.SIG_DFL,
    signal.SIGHUP: signal.SIG_DFL,
}

for _signal, _default in _DEFAULTS.items():
    if signal.getsignal(_signal) is signal.SIG_IGN:
        signal.signal(_signal, _default)
