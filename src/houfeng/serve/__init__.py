"""Words to pages: figures now; FDSN services, the SeedLink server, dashboard and metrics later."""
