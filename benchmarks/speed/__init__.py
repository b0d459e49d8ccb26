"""Speed of compiled programs against careful hand-written loops."""
