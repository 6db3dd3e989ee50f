"""What the commands do, as functions: options are keyword arguments, and what comes of it is an object."""
