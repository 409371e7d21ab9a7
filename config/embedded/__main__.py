"""The keeper of one directory's servers: `python -m config.embedded DIRECTORY [scratch]`."""

import sys
from pathlib import Path

from config.embedded import keeper

keeper.keep(Path(sys.argv[1]), scratch="scratch" in sys.argv[2:])
