"""What pyxform lets through and a form must not have, one file per family."""
