"""The main job end to end on one machine, attacks included: `sealwasm demo`."""
