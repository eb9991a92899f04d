"""View models: the whole context of each page and fragment, pure and frozen.

A query returns one of them, a template renders it. Nothing here does I/O, reads a clock or knows a table.
A value that is not known is ``None`` (or tone ``unknown``), and the template hatches it.
"""
