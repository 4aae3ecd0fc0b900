"""Who else may see and change what somebody owns, whatever it is."""
