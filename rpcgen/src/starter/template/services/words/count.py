from collections import Counter


def count(text):
    """
    >>> count("To be or not to be")
    {'to': 2, 'be': 2, 'or': 1, 'not': 1}
    """
    return dict(Counter(text.lower().split()))
