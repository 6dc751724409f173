"""`python -m houfeng` is `houfeng`."""

from houfeng.shell.cli import main

main()
