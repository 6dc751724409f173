"""The catalogue: quakes in SQL, and the tables as they change between versions."""
