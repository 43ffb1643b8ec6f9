"""Flow a: from the ledger to a promoted model.

``recipe`` says what is trained, ``dataset`` turns order lines into matrices, ``als`` factorises, ``copurchase`` and
``similar`` find neighbours, ``popularity`` counts, ``holdout`` and ``gate`` judge, ``train`` does all of it. May import
the ledger, the online state, artifacts, ``ranking`` and below. ``implicit`` is imported in ``als`` alone.
"""
