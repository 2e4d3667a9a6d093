"""Work spread over processes and machines; the only package that imports Dask."""
