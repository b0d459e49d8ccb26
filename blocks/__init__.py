"""What owns parameters, and the distributions, transforms, dynamics and operators they live by; one file a family."""
