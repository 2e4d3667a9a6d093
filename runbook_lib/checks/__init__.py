"""What the pre-flight looks at, one module per concern. Each look is a Check; none stops at the first.

A look that fails is shown as "not checked" and never as ok; the others go on.
"""
