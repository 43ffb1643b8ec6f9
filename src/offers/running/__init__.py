"""The processes: a supervisor over server, worker and API; the worker's threads and jobs; sessions, backups, doctor.

:mod:`supervisor` keeps :mod:`child` processes running, :mod:`api` is granian's main process, :mod:`worker` runs
projector, writer and the :mod:`scheduler` with its :mod:`jobs`. :mod:`session` gives commands a server to work with;
:mod:`backup`, :mod:`restore` and :mod:`doctor` are commands themselves. May import everything below ``wiring``, and
it; never ``web`` or ``cli``, which it only starts as processes.
"""
