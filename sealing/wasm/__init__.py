"""Reading WebAssembly: core modules, components, and the signature a module carries inside."""
