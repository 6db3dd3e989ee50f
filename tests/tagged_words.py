"""Words of the demo's articles with tags: runs of words with capitals are entities."""

import re

from datasets import Dataset

NAMES = ("B-CAP", "I-CAP", "O")


def tagged_words(news: Dataset, most: int = 25) -> tuple[tuple[str, ...], list[list[str]], list[list[str]]]:
    """The names of the tags, and of each article so many words at most, and their tags."""
    words = [re.findall(r"\w+|[^\w\s]", text.split("\n", 1)[1])[:most] for text in news["text"]]
    tags = []
    for row in words:
        capital = [word[0].isupper() for word in row]
        tags.append(
            [
                "O" if not is_one else "I-CAP" if before else "B-CAP"
                for before, is_one in zip([False, *capital], capital, strict=False)
            ]
        )
    return NAMES, words, tags
