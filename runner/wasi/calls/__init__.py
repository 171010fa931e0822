"""The functions of `wasi_snapshot_preview1`, grouped by what they touch.

Each takes the host and the guest's arguments as unsigned integers, and returns 0 or raises
`WasiError`. Result pointers are checked before anything is done, so a call with a bad one
changes nothing.
"""
