"""Which arrivals are one rupture?"""
