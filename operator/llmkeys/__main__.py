"""`python -P -m llmkeys`."""

from llmkeys.cli.main import main

main(prog_name="llmkeys")
