"""`python -I -m monitor.cli`: the command without its script, as the demo starts the daemon."""

from monitor.cli import main

main()
