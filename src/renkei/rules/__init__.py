"""Whether a thing of one maker works in a car of another: one small function a rule, over nouns, reading nothing.

Not called fit, for that is what `renkei.fit` of the public API is.
"""
