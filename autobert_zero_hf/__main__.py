"""`python -m autobert_zero_hf`, for `accelerate launch -m`."""

import sys

from .commands.main import main

sys.exit(main())
