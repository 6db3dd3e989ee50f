"""Scripts that measure what the documentation claims; each keeps its figures beside it as JSON. No test runs them."""
