"""The commands of ``planexe-ax``, one module each; ``app.cli`` reads their options."""
