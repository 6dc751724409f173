"""Warning: telling people that it will shake, in a way a minority of lying stations cannot forge."""
