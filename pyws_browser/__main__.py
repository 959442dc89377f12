"""`python -m pyws_browser`."""

import sys

from .cli import main

sys.exit(main())
