"""The backbone as the rooms see it: publish, subscribe, ask, read a stream from a position."""
