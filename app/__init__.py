"""PlanExe-AX: carries out plans.

The folder list is the architecture: ``domain`` holds the rules, ``live`` what runs (Redis),
``record`` what is kept (PostgreSQL), ``services`` the use cases, ``api``, ``dashboard`` and
``ops`` the faces. ``docs/architecture.md`` follows one event through all of them.
"""
