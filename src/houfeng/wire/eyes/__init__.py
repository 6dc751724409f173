"""Readers of what eyes write down: captures, flow exports, sensors' logs, servers' logs. One module a format."""
