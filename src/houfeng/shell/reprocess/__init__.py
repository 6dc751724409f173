"""An archive played on many machines with Dask, with the results of one."""
