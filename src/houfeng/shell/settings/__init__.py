"""What a centre is told: its settings, checked whole before anything rests on them."""
