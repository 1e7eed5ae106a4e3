"""What tokens cost."""

from typing import Protocol

from chatcli.messages import Usage

MILLION = 1_000_000


class Prices(Protocol):
    """What a million tokens cost; `cached` None: what the provider's cache holds is no cheaper."""

    @property
    def input(self) -> float:
        """Of a prompt."""
        ...

    @property
    def cached(self) -> float | None:
        """Of a prompt, where it lies in a prefix that was sent before."""
        ...

    @property
    def output(self) -> float:
        """Of a reply."""
        ...


def amount(money: float) -> str:
    """Return an amount of money with four digits that count, and no exponent: `0.000086`, `1,235,000`."""
    from decimal import Decimal  # not before the prompt

    return f"{Decimal(f'{money:.4g}'):,f}"


def cost(usage: Usage, prices: Prices) -> float:
    """Return what the tokens cost, in the currency of the prices."""
    cached = prices.input if prices.cached is None else prices.cached
    fresh = max(0, usage.prompt - usage.cached)
    return (fresh * prices.input + usage.cached * cached + usage.completion * prices.output) / MILLION
