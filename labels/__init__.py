"""What a label says and how it is drawn. Pure."""
