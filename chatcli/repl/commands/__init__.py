"""The slash commands, one file per theme."""
