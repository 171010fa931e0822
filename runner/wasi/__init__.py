"""Our own WASI preview 1 host: pure Python, in memory, deny by default, knows no engine."""
