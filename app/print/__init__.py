"""Paper: visit sheets and door cards as PDF, made by worker processes that reach no network and no file.

sheet and cards decide what stands on a page, render lays it out, fonts keeps
the page small, jobs prints a village with visible progress. The office pages
are in ``app/office/printing.py``.
"""
