"""Look-alike values, written from docs/models.md alone, in sixty digits."""

from dataclasses import dataclass
from decimal import Context, Decimal, setcontext

setcontext(Context(prec=60))


@dataclass(frozen=True)
class Potential:
    """Parameters of the model; `years` is the horizon."""

    by: tuple
    demand: str | None
    years: float
    share: float


@dataclass
class Member:
    """A customer or a group: mean m and exposure e of the own, credibility z, and value θ."""

    mean: Decimal
    exposure: Decimal
    customers: int = 1
    years: int = 0
    credibility: Decimal = Decimal(1)
    value: Decimal = Decimal(0)


@dataclass
class Fitted:
    """What a model card says."""

    cut: int | None
    base: float | None
    levels: list
    groups: dict


@dataclass
class Value:
    """What a customer is worth; amounts in minor units, not rounded."""

    credibility: float | None
    value: float | None
    potential: float | None


def variance_between(families, within):
    """τ² of the members of all families of a level."""
    above = below = Decimal(0)
    for family in (family for family in families if len(family) > 1):
        total = sum(member.exposure for member in family)
        mean = sum(member.exposure * member.mean for member in family) / total
        above += sum(member.exposure * (member.mean - mean) ** 2 for member in family) - within * (len(family) - 1)
        below += total - sum(member.exposure**2 for member in family) / total
    return max(Decimal(0), above / below) if below > 0 else Decimal(0)


def credibility(exposure, within, between):
    """z."""
    return exposure / (exposure + within / between) if between > 0 and exposure > 0 else Decimal(0)


def together(family, within, between):
    """A family as a member of the level above."""
    weights = [credibility(m.exposure, within, between) if between > 0 else m.exposure for m in family]
    mean = sum(weight * member.mean for weight, member in zip(weights, family)) / sum(weights)
    return Member(mean, sum(weights), sum(m.customers for m in family), sum(m.years for m in family))


def families_of(members, depth):
    """Members by the group of `depth` attributes that they are in."""
    families = {}
    for key, member in members:
        families.setdefault(key[:depth], []).append(member)
    return families


def fit(model, customers):
    """The fitted model, and the value of each customer: {key: (margins, attributes, index)}."""
    margins = sorted(margin for years, _, _ in customers.values() for margin in years)
    if not margins:
        return Fitted(None, None, [], {}), {key: Value(None, None, None) for key in customers}
    cut = margins[-(-round(model.share * 10**9) * len(margins) // 10**9) - 1]
    seen = {key: [min(margin, cut) for margin in years] for key, (years, _, _) in customers.items() if years}
    indices = [customers[key][2] for key in seen if customers[key][2] is not None]
    base = sum(map(Decimal, indices)) / len(indices) if indices else None

    own = {key: Member(Decimal(sum(years)) / len(years), Decimal(len(years)), 1, len(years))
           for key, years in seen.items()}
    within = variance_within(own, seen)
    members = [(customers[key][1], member) for key, member in own.items()]
    depth = len(model.by)
    together_within, levels = pooled_levels(members, depth, within)
    groups = values_of_groups(together_within, levels)
    fitted = Fitted(
        cut, None if base is None else float(base), [(float(s), float(t)) for s, t in levels],
        {key: rounded(member) for key, member in groups.items()},
    )
    values = {}
    for key, (_, attributes, index) in customers.items():
        known = next(attributes[:d] for d in range(depth, -1, -1) if attributes[:d] in groups)
        share = credibility(own[key].exposure, *levels[-1]) if key in own else Decimal(0)
        mean = own[key].mean if key in own else Decimal(0)
        value = share * mean + (1 - share) * groups[known].value
        ratio = Decimal(index) / base if index is not None and base is not None else 1
        values[key] = Value(float(share), float(value), float(value * Decimal(model.years) * ratio))
    return fitted, values


def variance_within(own, seen):
    """s² of the years of customers; None when no customer has two."""
    freedom = sum(len(years) - 1 for years in seen.values())
    if freedom == 0:
        return None
    return sum(sum((margin - own[key].mean) ** 2 for margin in years) for key, years in seen.items()) / freedom


def pooled_levels(members, depth, within):
    """Members of each depth, from the widest to the narrowest groups, and (s², τ²) of each level, customers last."""
    narrowest = families_of(members, depth)
    if within is None:
        freedom = sum(len(family) - 1 for family in narrowest.values())
        between = Decimal(0)
        # Without a variance within, what τ² leaves is the whole scatter.
        scatter = sum(
            member.exposure * (member.mean - together(family, 0, 0).mean) ** 2
            for family in narrowest.values() for member in family
        )
        within = scatter / freedom if freedom else Decimal(0)
    else:
        between = variance_between(narrowest.values(), within)
    levels = [(within, between)]
    groups = {key: together(family, within, between) for key, family in narrowest.items()}
    all_groups = [groups]
    for d in range(depth - 1, -1, -1):
        within = between if between > 0 else within
        families = families_of(groups.items(), d)
        between = variance_between(families.values(), within)
        levels.insert(0, (within, between))
        groups = {key: together(family, within, between) for key, family in families.items()}
        all_groups.insert(0, groups)
    return all_groups, levels


def values_of_groups(all_groups, levels):
    """θ and z of every group, from all customers down."""
    found = {}
    for depth, groups in enumerate(all_groups):
        for key, member in groups.items():
            if depth == 0:
                member.value = member.mean
            else:
                member.credibility = credibility(member.exposure, *levels[depth - 1])
                parent = found[key[:-1]].value
                member.value = member.credibility * member.mean + (1 - member.credibility) * parent
            found[key] = member
    return found


def rounded(member):
    """The member in doubles."""
    return Member(
        float(member.mean), float(member.exposure), member.customers, member.years, float(member.credibility),
        float(member.value),
    )
