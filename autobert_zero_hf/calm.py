"""Libraries that keep quiet for a while, where this package says itself how far it is."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def calm() -> Iterator[None]:
    """Have transformers, datasets and huggingface_hub draw no bars, and transformers say errors alone, in the block.

    A bar that is drawn over and over fills a log, and tables of the weights that a head begins anew with are no news
    to whoever trains one. Afterwards everything is as it was, which matters where a program or a notebook goes on.
    """
    import datasets
    import transformers.utils.logging as transformers_logging
    from huggingface_hub import utils as hub

    verbosity, drew = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    hub_drew, datasets_drew = not hub.are_progress_bars_disabled(), not datasets.are_progress_bars_disabled()
    transformers_logging.set_verbosity_error()
    if drew or hub_drew:
        transformers_logging.disable_progress_bar()  # the Hub's, too
    if datasets_drew:
        datasets.disable_progress_bars()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if drew:
            transformers_logging.enable_progress_bar()
        if hub_drew:
            hub.enable_progress_bars()
        if datasets_drew:
            datasets.enable_progress_bars()
