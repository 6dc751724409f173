"""The same stages as several processes, which talk over NATS JetStream."""
