"""`python -m codenb`, where the script is not on the path."""

import sys

from codenb.cli import main

sys.exit(main())
