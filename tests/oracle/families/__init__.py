"""The feature families, one module each, in the order of docs/features.md.

A module has `columns(features)`: (name, kind) of its columns, none when the pipeline gives it nothing to work on, and
`build(connection, features)`, which creates the table `family_<name>` with one row for each of `everyone`. Kinds are
those of compare.py.
"""

from families import bidding, credit, interaction, loyalty, potential, preference, profit, purchase, timing

ALL = {
    "purchase": purchase,
    "timing": timing,
    "preference": preference,
    "loyalty": loyalty,
    "interaction": interaction,
    "bidding": bidding,
    "credit": credit,
    "potential": potential,
    "profit": profit,
}


def wanted(features):
    """(name, module) of the families that the pipeline builds."""
    return [
        (name, module)
        for name, module in ALL.items()
        if name not in features.leave_out and module.columns(features)
    ]
