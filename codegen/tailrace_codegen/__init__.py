"""Generates Swift types, RPC stubs and embedded descriptors from the schemas in proto/."""


class GenerationError(Exception):
    """A schema uses something that this generator does not do; the message says what and where."""
