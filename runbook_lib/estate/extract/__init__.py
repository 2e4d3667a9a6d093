"""Reading the services around the tables into an estate; a service to a module, nothing is changed."""
