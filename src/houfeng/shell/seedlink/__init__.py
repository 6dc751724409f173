"""The SeedLink server: the journal's records to readers, and who may read them."""
