"""Flow a: from the ledger to a promoted model."""
