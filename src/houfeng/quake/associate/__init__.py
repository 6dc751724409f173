"""Association: which arrivals are one rupture."""
