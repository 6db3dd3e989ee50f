"""A search in the browser; what needs Gradio is in `app`, the rest does without."""
