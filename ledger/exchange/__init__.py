"""Other people's formats to and from our events. Pure."""
