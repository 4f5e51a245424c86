"""What is kept, in PostgreSQL: definitions at once, executions and their events in batches.

Repositories take an engine; each of their methods is one transaction. Everything belongs to a
workspace, and a method that is given one never shows anything of another.
"""
