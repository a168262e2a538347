"""Checks over the register as data: what cannot be true, what is doubtful, what needs a person's decision."""
