"""Expressions: text to tree (parse), tree to value (evaluate), the functions, what a tree reads."""
