"""The largest sizes that a configuration may have: far beyond any real model, and checked before anything is made."""

MAX_LAYERS = 1024
MAX_WIDTH = 2**18
"""Of the hidden states, of a head, and of all heads of a layer together."""
MAX_INTERMEDIATE_SIZE = 2**20
MAX_HEADS = 2**14
MAX_VOCABULARY = 2**25
MAX_POSITIONS = 2**24
MAX_TYPES = 2**16
MAX_LABELS = 2**20

MAX_SIZES = {
    "num_hidden_layers": MAX_LAYERS,
    "vocab_size": MAX_VOCABULARY,
    "hidden_size": MAX_WIDTH,
    "embedding_size": MAX_WIDTH,
    "num_attention_heads": MAX_HEADS,
    "intermediate_size": MAX_INTERMEDIATE_SIZE,
    "max_position_embeddings": MAX_POSITIONS,
    "type_vocab_size": MAX_TYPES,
    "head_dim": MAX_WIDTH,
}
"""By the names of the configuration."""
MAY_BE_NONE = ("type_vocab_size",)
"""Those that may be 0."""
