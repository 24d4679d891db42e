"""The domain, pure: stages, events, host state, causes, meters and the ports that the other rooms meet at. No input or output."""
