"""Documents that stand on their own: the report and the replay of an execution, to be kept.

HTML comes from templates that escape every value and need no other file; Markdown and plain text
are written here. None of them runs a script.
"""
