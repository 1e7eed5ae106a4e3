"""What is asked, and how: model, memory, system text, variables, options. All are kept with the session."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from chatcli.errors import UsageError
from chatcli.memory import parse_memory
from chatcli.messages import Content, Message
from chatcli.prompt import Placeholder, Prompt, system_text, variables_of, with_system
from chatcli.repl.slash import NOTHING, slash
from chatcli.values import meant_option, option_value

if TYPE_CHECKING:
    from chatcli.repl.loop import Repl

_MEMORIES = {
    "auto": "the newest turns, a summary of the older ones, what of them bears on the input",
    "buffer": "the whole history",
    "window:10": "the last 10 turns",
    "window:10-20": "up to 20 turns, then cut to 10: the prompt's prefix stays still",
    "tokens:4000": "the newest turns that fit 4,000 tokens",
    "summary": "a running summary and the newest turns",
    "summary-buffer:4000": "the newest turns that fit 4,000 tokens, a summary of the others",
    "entity": "what is known of whom the input names, and the newest turns",
    "recall:800": "older turns that bear on the input, and the newest turns",
    "none": "no history",
    "summary+recall:800": "both; no message is sent twice",
    "summary+entity": "both",
    "window:10-20+recall:800": "both",
}


@slash(
    "model",
    arguments="[name]",
    help="show the model, or talk to another one from now on",
    complete=lambda repl: repl.tools.model_names,
)
def model(repl: "Repl", argument: str) -> None:
    """Show or exchange the model."""
    if not argument:
        known = ", ".join(repl.tools.model_names)
        repl.screen.tell(repl.chat.model.name + (f"; the config has {known}" if known else ""))
        return
    opened = repl.tools.open_model(argument)
    repl.chat.model.close()
    repl.chat.model = opened
    repl.chat.set(model=argument)
    repl.screen.aside(f"the next reply comes from {opened.name}")


@slash(
    "memory",
    arguments="[spec]",
    help="show the memory, or choose another one",
    complete=lambda repl: list(_MEMORIES.items()),
)
def memory(repl: "Repl", argument: str) -> None:
    """Show or exchange the memory, and say what it makes of the history, which stays as it is."""
    from chatcli.render.outlook import outlook

    if argument:
        repl.chat.memory = parse_memory(argument)
        repl.chat.set(memory=repl.chat.memory.spec)
        repl.chat.derive()
    _show(repl, argument, outlook(repl.chat))


@slash("system", arguments="[text]", help='show the system text, or set it; "" removes it')
def system(repl: "Repl", argument: str) -> None:
    """Show or set the system text; it may hold {variables}."""
    chat = repl.chat
    if argument:
        text = "" if argument in NOTHING else argument
        chat.prompt = with_system(chat.prompt, text)
        chat.set(system=text)
    _show(repl, argument, system_text(chat.prompt) or "no system text")
    _say_what_is_missing(repl)


@slash(
    "prompt",
    arguments="[name]",
    help="show the prompt's messages, or take another one of the config",
    complete=lambda repl: repl.tools.prompt_names,
)
def prompt(repl: "Repl", argument: str) -> None:
    """Show or exchange the prompt; its own system text holds then, variables that were set stay."""
    chat = repl.chat
    if not argument:
        repl.screen.tell(_shown(chat.prompt))
        return
    chosen, defaults = repl.tools.open_prompt(argument)
    chat.prompt = chosen
    chat.variables = {**defaults, **chat.variables}
    chat.set(prompt=argument, system=None)
    repl.screen.aside(_shown(chosen))
    _say_what_is_missing(repl)


def _shown(prompt: Prompt) -> str:
    entries = (
        f"{{{entry.variable}}}" if isinstance(entry, Placeholder) else f"{entry.role}: {_text(entry.content)}"
        for entry in prompt.entries
    )
    return "\n".join(entries) or "no prompt: the history, then your message"


def _text(content: Content) -> str:
    return Message("user", content).text


def _say_what_is_missing(repl: "Repl") -> None:
    missing = sorted(variables_of(repl.chat.prompt) - repl.chat.variables.keys())
    if missing:
        repl.screen.warn(f"it needs {', '.join(missing)}: /var {missing[0]} …")


@slash("var", arguments="[name value]", help='show the prompt\'s variables, or set one; "" removes it')
def var(repl: "Repl", argument: str) -> None:
    """Show or set a variable; an empty value, "", removes it."""
    chat = repl.chat
    if argument:
        name, value = _pair(argument, "/var name value")
        chat.variables.pop(name, None)
        if value not in NOTHING:
            chat.variables[name] = value
        chat.set(variables=dict(chat.variables))
    _show(repl, argument, _lines(chat.variables) or "no variables")


@slash("set", arguments="[option value]", help='show the model\'s options, or set one; "" removes it')
def set_(repl: "Repl", argument: str) -> None:
    """Show or set an option of the model; an empty value, "", removes it."""
    chat = repl.chat
    if argument:
        name, value = _pair(argument, "/set temperature 0.2")
        read = None if value in NOTHING else option_value(name, value)
        chat.options.pop(name, None)
        if read is not None:
            chat.options[name] = read
        chat.set(options=dict(chat.options))
    _show(repl, argument, _lines(chat.options) or "no options")
    if argument and name in chat.options and (meant := meant_option(name)):
        repl.screen.warn(f"{name} is sent as it is; did you mean {meant}?")


def _show(repl: "Repl", argument: str, text: str) -> None:
    """Print what holds: asked for without an argument, a notice where an argument changed it."""
    (repl.screen.aside if argument else repl.screen.tell)(text)


def _lines(values: Mapping[str, object]) -> str:
    return "\n".join(f"{name} = {value}" for name, value in values.items())


def _pair(argument: str, example: str) -> tuple[str, str]:
    between = "=" if "=" in argument.split(" ")[0] else " "
    name, _, value = argument.partition(between)
    if not name or not value.strip():
        raise UsageError("a name and a value are needed", f"write {example}")
    return name, value.strip()
