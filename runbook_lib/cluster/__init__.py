"""Work spread over processes and machines: the one door to Dask."""
