"""The screen: the only room that imports textual. It knows the domain and its ports, never a service, an engine or a journal."""
