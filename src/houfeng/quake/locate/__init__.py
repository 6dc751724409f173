"""locate: cluster to origin with covariance. Where and when, how sure?"""
