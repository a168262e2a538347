"""The secure address a village's phones need: certificates, the way to trust them, and browsers that are none."""
