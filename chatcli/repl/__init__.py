"""The interactive chat: its loop, its line, its keys and its slash commands."""
