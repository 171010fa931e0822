"""Where the master key lives: one file per kind of seal."""
