"""A table of backbones of text: what each is worth after little training and after more, on words and on five tasks."""
