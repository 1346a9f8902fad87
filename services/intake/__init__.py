"""intake decides whether a complaint is ours, whether it repeats another, and to whom it goes.

It also keeps the identity vault: the only place that knows who reported (§6).
"""
