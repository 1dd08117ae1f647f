"""The models that ship with the project, each beside its card; see `pilot.find_model`."""
