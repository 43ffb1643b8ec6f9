"""The model as files: format, store, registry, memory-mapped reader."""
