"""The one place where models are switched to decode labelled places alone, and back."""

from collections.abc import Iterator
from contextlib import contextmanager

from transformers import PreTrainedModel


@contextmanager
def sparse_prediction(model: PreTrainedModel) -> Iterator[None]:
    """Lets a model that predicts masked words decode the labelled places alone, as long as the context lasts.

    Its configuration says as before whether it does so by itself: what is saved later is not changed.

    Args:
        model: of this package.
    """
    before = model.config.sparse_prediction
    model.config.sparse_prediction = True
    try:
        yield
    finally:
        model.config.sparse_prediction = before
