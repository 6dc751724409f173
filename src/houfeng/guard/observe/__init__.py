"""Observing: frames, flows and logs of many eyes become one vocabulary of observations."""
