"""``python -m worldlaw`` is ``worldlaw``; torchrun needs it so."""

import sys

from worldlaw.cli.main import main

sys.exit(main())
