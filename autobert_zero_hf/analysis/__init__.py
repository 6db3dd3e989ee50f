"""What the layers of a model make of real text: how alike its tokens become, and what each layer adds to it."""
