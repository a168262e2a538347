"""The commands behind ``python3 run.py``: one file a command, its first line is its help."""
