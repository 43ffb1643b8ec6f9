"""The model as files: format, store, registry, memory-mapped reader.

``format`` says which arrays an artifact has and what its manifest holds, ``assemble`` puts arrays in the order that
serving reads, ``store`` writes and checks directories, ``model`` maps one into memory, ``registry`` says which one is
current, ``slot`` follows the registry in a running process. May import ``ranking`` and below; never the ledger or the
online state.
"""
