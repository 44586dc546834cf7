"""``python -m worldlaw`` is ``worldlaw``; torchrun needs it so."""

import sys

from worldlaw.cli import main

sys.exit(main())
