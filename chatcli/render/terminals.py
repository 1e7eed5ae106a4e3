"""What is known of the terminal by its environment: programs by the name they give themselves, terminals by their TERM.

Over SSH little of that comes along, and none is known then.
"""

import os

_REFLOWING_PROGRAMS = ("Apple_Terminal", "Hyper", "WezTerm", "ghostty", "iTerm.app", "rio", "tmux", "vscode")
_REFLOWING_TERMS = ("alacritty", "contour", "foot", "tmux", "wezterm", "xterm-ghostty", "xterm-kitty")
_LINKING_PROGRAMS = ("WezTerm", "ghostty", "iTerm.app", "rio", "vscode")
_LINKING_TERMS = ("alacritty", "contour", "foot", "wezterm", "xterm-ghostty", "xterm-kitty")
# Between the terminal and us, and shows lines its own way, whatever else was inherited from the terminal around it.
_BETWEEN = ("INSIDE_EMACS", "NVIM", "STY", "VIM_TERMINAL", "XTERM_VERSION")


def reflows() -> bool:
    """Say whether the terminal is known to wrap what it shows anew when its width changes.

    Most do by now, but over SSH none is known. In doubt the answer is no: that leaves a row too many in a terminal
    that reflows, where a wrong yes would take away rows of finished text in one that does not.
    """
    env, kind = os.environ, os.environ.get("TERM", "")
    if any(name in env for name in _BETWEEN):
        return False
    if kind.startswith(_REFLOWING_TERMS) or "TMUX" in env:
        return True
    named = env.get("TERM_PROGRAM") in _REFLOWING_PROGRAMS or "VTE_VERSION" in env or "WT_SESSION" in env
    return kind.startswith("xterm") and named


def makes_links() -> bool:
    """Say whether the terminal is known to make a text clickable (OSC 8); in doubt, and over SSH, it is not."""
    env, kind = os.environ, os.environ.get("TERM", "")
    if "TMUX" in env or any(name in env for name in _BETWEEN):
        return False
    vte = env.get("VTE_VERSION", "")
    named = env.get("TERM_PROGRAM") in _LINKING_PROGRAMS or "WT_SESSION" in env or (vte.isdecimal() and int(vte) > 5000)
    return kind.startswith(_LINKING_TERMS) or (kind.startswith("xterm") and named)
