"""SeedLink 3 and 4, the server's side: bytes to requests, records and documents to bytes. Standard library only."""
