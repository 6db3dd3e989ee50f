"""Fill a mask with a pushed model, by the code that lies beside its weights: `fill_mask.py someone/my-backbone`."""

import sys

from transformers import pipeline

# The code of the page runs here: read it first, and name the commit that you read as `revision`.
fill = pipeline("fill-mask", model=sys.argv[1], trust_remote_code=True)
for answer in fill(f"The government said the {fill.tokenizer.mask_token} would be paid."):
    print(f"{answer['score']:.3f}  {answer['token_str']}")
