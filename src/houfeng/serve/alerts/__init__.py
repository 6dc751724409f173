"""What alerts look like outside: CAP 1.2, QuakeML 1.2, lines of JSON, and words for people."""
