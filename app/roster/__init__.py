"""Rosters that come in as spreadsheets: read, understood, compared with the register, and only then taken in.

Pure but for the file at the one end (`reading`) and the job folder at the
other (`jobs`, `plan`). Pages are in ``app/office/importing.py``.
"""
