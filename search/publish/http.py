"""The requests of the Hub's client, and the library that it makes them with."""

from importlib import import_module
from typing import Any

from huggingface_hub import get_session, set_client_factory

LIBRARY: Any = import_module(type(get_session()).__module__.partition(".")[0])
"""httpx2, or httpx before version 2 of the client: the module that has the classes of its errors."""


def give_up_after(seconds: float) -> None:
    """End every request of this process after so many seconds without an answer; by default it waits for ever."""
    # What the client does before each request goes on, whatever its factory was.
    hooks = get_session().event_hooks

    def client() -> Any:
        return LIBRARY.Client(event_hooks=hooks, follow_redirects=True, timeout=seconds)

    set_client_factory(client)
