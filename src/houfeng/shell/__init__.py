"""The only place that touches the world: disks, clocks, processes, settings, the command line."""
