#!/usr/bin/env python3
"""Draws points of the CLV models and computes their true values with mpmath at 60 digits and more.

    pip install mpmath
    python draw_points.py --seed 7 --points 100 /tmp/points
    APPRAISE_TRUTH=/tmp/points cargo test --release --workspace --test models true_values

Writes the csv files of the folder clv, with the same columns. With --check it computes the values of the files in a
folder anew instead, and reports the largest differences.

The formulas are the papers' closed forms, at so many digits that what cancels in them does no harm: each value is
computed a second time with 60 digits more, and a point where the two differ is computed with still more.
"""

import argparse
import csv
import math
import pathlib
import random

import mpmath as mp

MOST_DIGITS = 2000
# Where a closed form divides by a - 1 it is evaluated this far from 1.
NUDGE = "1e-45"


def ln_beta(a, b):
    return mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)


def off_one(a):
    return a + mp.mpf(NUDGE) if abs(a - 1) < mp.mpf(NUDGE) else a


def bg_mean(r, alpha, a, b, t):
    """Expected purchases of a new customer of the BG/NBD: Fader, Hardie & Lee (2005), eq. 9."""
    a = off_one(a)
    f = mp.hyp2f1(r, b, a + b - 1, t / (alpha + t))
    return (a + b - 1) / (a - 1) * (1 - (alpha / (alpha + t)) ** r * f)


def beta_geometric(row, from_start):
    r, alpha, a, b, x, t_x, end, t = (mp.mpf(float(row[name])) for name in ("r", "alpha", "a", "b", "x", "t_x", "T", "t"))
    escapes = x + from_start
    ln_purchases = mp.loggamma(r + x) - mp.loggamma(r) + r * mp.log(alpha)
    alive = ln_purchases - (r + x) * mp.log(alpha + end) + ln_beta(a, b + escapes) - ln_beta(a, b)
    odds = mp.mpf(0)
    if escapes > 0:
        lost = ln_purchases - (r + x) * mp.log(alpha + t_x) + ln_beta(a + 1, b + escapes - 1) - ln_beta(a, b)
        odds = mp.exp(lost - alive)
    ln_alive = -mp.log1p(odds)
    mean = bg_mean(r + x, alpha + end, a, b + escapes, t)
    new = b / (a + b) * bg_mean(r, alpha, a, b + 1, t) if from_start else bg_mean(r, alpha, a, b, t)
    return {
        "loglik": alive - ln_alive,
        "p_alive": mp.exp(ln_alive),
        "log_p_alive": ln_alive,
        "p_dead": odds / (1 + odds),
        "cond_exp": mp.exp(ln_alive) * mean,
        "log_cond_exp": ln_alive + mp.log(mean),
        "uncond_exp": new,
    }


def bg_nbd(row):
    return beta_geometric(row, 0)


def mbg_nbd(row):
    return beta_geometric(row, 1)


def pareto_nbd(row):
    """Fader & Hardie, A note on deriving the Pareto/NBD model (2005): eq. 18-20, 27, 41; note 013 for DERT."""
    names = ("r", "alpha", "s", "beta", "x", "t_x", "T", "t", "delta")
    r, alpha, s, beta, x, t_x, end, t, delta = (mp.mpf(float(row[name])) for name in names)
    rho = r + s + x

    def part(time):
        if alpha >= beta:
            return mp.hyp2f1(rho, s + 1, rho + 1, (alpha - beta) / (alpha + time)) / (alpha + time) ** rho
        return mp.hyp2f1(rho, r + x, rho + 1, (beta - alpha) / (beta + time)) / (beta + time) ** rho

    living = (alpha + end) ** -(r + x) * (beta + end) ** -s
    lost = s / rho * (part(t_x) - part(end))
    ln_front = mp.loggamma(r + x) - mp.loggamma(r) + r * mp.log(alpha) + s * mp.log(beta)
    ln_alive = -mp.log1p(lost / living)
    s1 = off_one(s)
    mean = (r + x) * (beta + end) / ((alpha + end) * (s1 - 1)) * -mp.expm1((s1 - 1) * mp.log((beta + end) / (beta + end + t)))
    new = r * beta / (alpha * (s1 - 1)) * -mp.expm1((s1 - 1) * mp.log(beta / (beta + t)))
    z = delta * (beta + end)
    # alpha^r beta^s delta^(s-1) Gamma(r+x+1) Psi(s, s; z) / (Gamma(r) (alpha+T)^(r+x+1) L)
    dert = (
        (r + x) / (alpha + end) * delta ** (s - 1) * (beta + end) ** s * mp.hyperu(s, s, z) * mp.exp(ln_alive)
    )
    return {
        "loglik": ln_front + mp.log(living + lost),
        "p_alive": mp.exp(ln_alive),
        "log_p_alive": ln_alive,
        "p_dead": lost / (living + lost),
        "cond_exp": mp.exp(ln_alive) * mean,
        "log_cond_exp": ln_alive + mp.log(mean),
        "uncond_exp": new,
        "dert": dert,
    }


def gamma_gamma(row):
    """Fader & Hardie, The gamma-gamma model of monetary value (2013)."""
    p, q, v, x, m = (mp.mpf(float(row[name])) for name in ("p", "q", "v", "x", "m"))
    density = (
        mp.loggamma(p * x + q) - mp.loggamma(p * x) - mp.loggamma(q)
        + q * mp.log(v) + (p * x - 1) * mp.log(m) + p * x * mp.log(x) - (p * x + q) * mp.log(v + m * x)
    )
    infinite = ["pop_mean_infinite(q<=1)"] * (q <= 1) + ["cond_infinite(px+q<=1)"] * (p * x + q <= 1)
    return {
        "loglik": density,
        "cond_exp_value": p * (v + m * x) / (p * x + q - 1) if p * x + q != 1 else mp.mpf(-1),
        "pop_mean": p * v / (q - 1) if q != 1 else mp.mpf(-1),
        "flag": ";".join(infinite),
    }


def bg_bb(row):
    """Fader, Hardie & Shang (2010), eq. 5, 9, 13, 14."""
    names = ("alpha", "beta", "gamma", "delta", "x", "t_x", "n", "m", "d")
    alpha, beta, gamma, delta, x, t_x, n, m, d = (mp.mpf(float(row[name])) for name in names)

    def survive(k):
        return mp.exp(ln_beta(gamma, delta + k) - ln_beta(gamma, delta))

    def buy(successes, failures):
        return mp.exp(ln_beta(alpha + successes, beta + failures) - ln_beta(alpha, beta))

    # Each term follows from the one before; the product of purchases and dropout at t_x + i.
    term = buy(x, t_x - x) * mp.exp(ln_beta(gamma + 1, delta + t_x) - ln_beta(gamma, delta))
    lost, i = mp.mpf(0), 0
    while i < n - t_x:
        lost += term
        term *= (beta + t_x - x + i) / (alpha + beta + t_x + i) * (delta + t_x + i) / (gamma + delta + t_x + i + 1)
        i += 1
    living = buy(x, n - x) * survive(n)
    likelihood = living + lost

    def surviving(first, last):
        share, total, k = survive(first), mp.mpf(0), first
        while k <= last:
            total += share
            share *= (delta + k) / (gamma + delta + k)
            k += 1
        return total

    per_purchase = buy(x + 1, n - x) / likelihood
    forever = mp.hyp2f1(1, delta + n + 1, gamma + delta + n + 1, 1 / (1 + d)) / (1 + d)
    return {
        "loglik": mp.log(likelihood),
        "p_alive_n": living / likelihood,
        "p_alive_n1": buy(x, n - x) * survive(n + 1) / likelihood,
        "log_p_alive_n": mp.log(living / likelihood),
        "p_dead_n": lost / likelihood,
        "cond_exp": per_purchase * surviving(n + 1, n + m),
        "uncond_exp_n": alpha / (alpha + beta) * surviving(1, n),
        "dert": per_purchase * survive(n + 1) * forever,
    }


def log_uniform(low, high):
    return math.exp(random.uniform(math.log(low), math.log(high)))


def near_one():
    return 1.0 + random.choice((-1, 1)) * log_uniform(1e-13, 1e-3)


def rates():
    return log_uniform(0.1, 5), log_uniform(1, 100)


def beta_pair():
    return log_uniform(0.1, 5), log_uniform(0.2, 10)


def extreme():
    return log_uniform(1e-3, 1e4)


def history(category):
    x = random.choice((0, 1, 2, 3, 5, 8, 20, 40))
    end = log_uniform(1, 2000)
    share = random.random()
    if category == "x0" or category == "zero_T":
        x = 0
    elif category == "x_large":
        x = random.randint(500, 5000)
    elif category.startswith("tx_"):
        x = random.choice((1, 3, 5, 20, 300))
    elif category == "long_gap":
        x, share = random.choice((20, 100, 1000)), random.random() * 0.1
    elif category == "extreme_params":
        x = random.choice((0, 1, 5, 40, 500, 5000))
        end = log_uniform(1e-3, 5e4)
    if category == "T_tiny":
        end = log_uniform(1e-6, 0.1)
    t_x = end * share if x > 0 else 0.0
    if category == "tx_eq_T" or (category == "extreme_params" and x > 0 and random.random() < 0.2):
        t_x = end
    elif category == "tx_near_T":
        t_x = end * (1 - log_uniform(1e-12, 1e-6))
    if category == "zero_T":
        t_x = end = 0.0
    t = random.choice((1.0, 13.0, 39.0, 52.0, 365.0))
    if category == "t_extreme":
        t = random.choice((1e-6, 1e-3, 1e4, 1e5, 1e6))
    if category == "extreme_params":
        t = log_uniform(1e-3, 1e4)
    return {"x": x, "t_x": t_x, "T": end, "t": t}


COMMON = ["typical", "x0", "x_large", "T_tiny", "tx_eq_T", "tx_near_T", "long_gap", "extreme_params", "t_extreme"]


def draw_beta_geometric(category):
    (r, alpha), (a, b) = rates(), beta_pair()
    if category == "a_near_1":
        a = near_one()
    elif category == "a_eq_1":
        a = 1.0
    elif category == "extreme_params":
        r, alpha, a, b = extreme(), extreme(), extreme(), extreme()
    return {"r": r, "alpha": alpha, "a": a, "b": b, **history(category)}


def draw_pareto_nbd(category):
    (r, alpha), (s, beta) = rates(), rates()
    if category == "s_near_1":
        s = near_one()
    elif category == "s_eq_1":
        s = 1.0
    elif category == "alpha_near_beta":
        beta = alpha * near_one()
    elif category == "alpha_eq_beta":
        beta = alpha
    elif category == "extreme_params":
        r, alpha, s, beta = extreme(), extreme(), extreme(), extreme()
    delta = random.choice((1e-4, math.log(1.15) / 52, 0.15 / 52, math.log1p(0.01), log_uniform(1e-6, 1)))
    return {"r": r, "alpha": alpha, "s": s, "beta": beta, **history(category), "delta": delta}


def draw_gamma_gamma(category):
    p, q, v = log_uniform(0.5, 20), 1 + log_uniform(0.05, 18), log_uniform(0.5, 200)
    x, m = random.choice((1, 2, 3, 5, 10, 30)), log_uniform(1, 500)
    if category == "x_large":
        x = random.randint(1000, 50000)
    elif category == "x1":
        x = 1
    elif category == "q_le_1":
        q = log_uniform(0.05, 1)
    elif category == "m_tiny":
        m = log_uniform(1e-12, 1e-3)
    elif category == "m_huge":
        m = log_uniform(1e5, 1e12)
    elif category == "extreme_params":
        p, q, v, x = extreme(), extreme(), log_uniform(1e-6, 1e6), random.choice((1, 5, 50, 5000))
    return {"p": p, "q": q, "v": v, "x": x, "m": m}


def draw_bg_bb(category):
    alpha, beta, gamma, delta = (log_uniform(0.2, 5) for _ in range(4))
    n = random.randint(2, 60)
    if category == "n_large":
        n = random.randint(500, 3000)
    elif category == "long_gap":
        n = random.randint(200, 1000)
    elif category == "extreme_params":
        alpha, beta, gamma, delta = extreme(), extreme(), extreme(), extreme()
        n = random.choice((2, 6, 60, 3000))
    elif category == "gamma_near_1":
        gamma = near_one()
    elif category == "gamma_eq_1":
        gamma = 1.0
    t_x = random.randint(1, n)
    if category == "long_gap":
        t_x = random.randint(20, 100)
    if category in ("x_eq_n", "tx_eq_n"):
        t_x = n
    x = random.randint(1, t_x)
    if category == "x_eq_n":
        x = n
    if category == "x0" or (category in ("typical", "extreme_params") and random.random() < 0.15):
        x = t_x = 0
    m = random.choice((1, 5, 39, 52, 1000))
    d = random.choice((0.001, 0.01, 0.1, log_uniform(1e-4, 1)))
    return {"alpha": alpha, "beta": beta, "gamma": gamma, "delta": delta, "x": x, "t_x": t_x, "n": n, "m": m, "d": d}


# File, categories, draw, values.
MODELS = {
    "bgnbd": (COMMON + ["zero_T", "a_near_1", "a_eq_1"], draw_beta_geometric, bg_nbd),
    "mbgnbd": (COMMON + ["zero_T", "a_near_1", "a_eq_1"], draw_beta_geometric, mbg_nbd),
    "pnbd": (
        COMMON + ["zero_T", "s_near_1", "s_eq_1", "alpha_near_beta", "alpha_eq_beta"], draw_pareto_nbd, pareto_nbd
    ),
    "gg": (["typical", "x1", "x_large", "q_le_1", "m_tiny", "m_huge", "extreme_params"], draw_gamma_gamma, gamma_gamma),
    "bgbb": (
        ["typical", "x0", "n_large", "x_eq_n", "tx_eq_n", "gamma_near_1", "gamma_eq_1", "long_gap", "extreme_params"],
        draw_bg_bb,
        bg_bb,
    ),
}


def agree(one, other):
    numbers = [name for name in one if name != "flag"]
    return all(abs(one[name] - other[name]) <= mp.mpf(10) ** -25 * abs(other[name]) for name in numbers)


def exact(values, row):
    """The values, with twice as many digits until two results agree to 25 digits."""
    digits, before = 60, None
    while digits <= MOST_DIGITS:
        with mp.workdps(digits):
            try:
                found = values(row)
            except (mp.libmp.NoConvergence, ValueError, ZeroDivisionError):
                found = None
            if found is not None and before is not None and agree(before, found):
                return found
        before, digits = found, digits * 2 if digits >= 120 else 120
    return None


def text(value):
    return mp.nstr(value, 17, min_fixed=-5, max_fixed=17) if isinstance(value, mp.mpf) else repr(value)


def draw(folder, points, only):
    folder.mkdir(parents=True, exist_ok=True)
    for name, (categories, draw_point, values) in MODELS.items():
        if only and name not in only:
            continue
        rows = []
        while len(rows) < points:
            category = categories[len(rows) % len(categories)]
            row = draw_point(category)
            found = exact(values, row)
            if found is not None:
                rows.append({"id": len(rows), "category": category, **row, **found})
        with open(folder / f"{name}.csv", "w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(rows[0])
            for row in rows:
                writer.writerow(value if isinstance(value, (int, str)) else text(value) for value in row.values())
        print(f"{name}: {len(rows)} points", flush=True)


def check(folder, only):
    for name, (_, _, values) in MODELS.items():
        file = folder / f"{name}.csv"
        if not file.exists() or (only and name not in only):
            continue
        worst, unknown = {}, 0
        with open(file, newline="") as lines:
            for row in csv.DictReader(lines):
                found = exact(values, {key: field for key, field in row.items() if key not in ("category", "id")})
                if found is None:
                    unknown += 1
                    continue
                for key, value in found.items():
                    if key == "flag":
                        continue
                    truth = mp.mpf(row[key])
                    error = abs(value - truth) / (abs(truth) or 1)
                    worst[key] = max(worst.get(key, (0, None)), (float(error), row["id"]))
        print(name, f"({unknown} without agreement)", worst, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--points", type=int, default=100, help="for each model")
    parser.add_argument("--only", action="append", choices=list(MODELS), help="a model; may be repeated")
    parser.add_argument("--check", action="store_true", help="compute the folder's values anew")
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    if arguments.check:
        check(arguments.folder, arguments.only)
    else:
        draw(arguments.folder, arguments.points, arguments.only)


if __name__ == "__main__":
    main()
