"""A make-believe earth, network and intruder, to rehearse with: deterministic from a seed."""
