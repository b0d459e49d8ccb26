"""`python -m compose`: the command line, where no `compose` script is on the path."""

import sys

from compose.cli import main

if __name__ == "__main__":
    sys.exit(main())
