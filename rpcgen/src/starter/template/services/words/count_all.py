from collections import Counter


def count(texts):
    """
    >>> count(["To be", "or not to be"])
    {'to': 2, 'be': 2, 'or': 1, 'not': 1}
    """
    return dict(Counter(word for text in texts for word in text.lower().split()))
