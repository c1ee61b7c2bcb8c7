"""A helper module that travels with the sources of svc1."""


def join(words):
    return ", ".join(words)
