"""`python -m houfeng` is `houfeng`."""

from houfeng.shell.cli.main import main

main()
