"""What the layers that a choice can make take: measured, line by line, on the machine and for the texts that are meant.

A line's price is the time that a model of as many such layers as the encoder has takes more than its embeddings alone,
by the number of layers: in a model each layer finds the weights of the others in the cache.
"""

from collections.abc import Iterator, Sequence

from autobert_zero_hf.model import AutoBertZeroConfig, AutoBertZeroModel

from ..latency.measuring import measure, measure_beside
from ..recipe.options import LatencyOptions
from .parts import with_layers

_IN_TURN = 8


class Prices:
    """Measures lines, each as often as the encoder has layers.

    Args:
        config: of the encoder.
        options: how to measure.
    """

    def __init__(self, config: AutoBertZeroConfig, options: LatencyOptions):
        self.config = config
        self.options = options
        self.reference = AutoBertZeroModel(config, add_pooling_layer=False)

    def embeddings(self) -> float:
        """The milliseconds of the encoder that no layer takes, by a model that has every layer twice."""
        twice = AutoBertZeroModel(with_layers(self.config, [*self.config.layers] * 2), add_pooling_layer=False)
        once, double = (each.median for each in measure([self.reference, twice], self.options))
        return max(0.0, 2 * once - double)

    def lines(self, lines: Sequence[str], usual: float, embeddings: float) -> Iterator[tuple[str, float]]:
        """The price of each line, in milliseconds.

        Args:
            lines: of layers, none of them empty.
            usual: the milliseconds of the encoder, as they were measured first.
            embeddings: those that no layer takes.
        """
        count = len(self.config.layers)
        for first in range(0, len(lines), _IN_TURN):
            some = lines[first : first + _IN_TURN]
            models = [
                AutoBertZeroModel(with_layers(self.config, [line] * count), add_pooling_layer=False) for line in some
            ]
            for line, latency in zip(some, measure_beside(self.reference, usual, models, self.options), strict=True):
                yield line, max(0.0, (latency.median - embeddings) / count)
