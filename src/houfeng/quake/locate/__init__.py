"""locate: cluster to origin with covariance. Answers where and when, and how sure."""
