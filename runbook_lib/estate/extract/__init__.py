"""Reading the services around the tables into an estate, one module per service; read only."""
