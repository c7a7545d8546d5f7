"""Draws points for the Pareto/NBD, BG/BB and gamma-gamma models and computes their true values with mpmath.

    python draw_pnbd_bgbb_gg.py FOLDER

writes drawn_pnbd.csv, drawn_bgbb.csv and drawn_gg.csv there, in the columns of the files without `drawn_`. The
methods share nothing with the Rust code: Gauss's function and incomplete gamma functions at 60 digits and more
(as many as it takes for two precisions to agree), plain sums over the opportunities, quadrature of probabilities.
"""

import csv
import random
import sys
from pathlib import Path

from mpmath import mp, mpf

AGREE = mpf(10) ** -25


def certain(values):
    """The values at the first precision at which they agree with those of a higher one."""
    for digits in (60, 120, 240, 480, 960):
        mp.dps = digits
        low = values()
        mp.dps = 2 * digits
        high = values()
        if all(abs(a - b) <= AGREE * abs(b) for a, b in zip(low, high)):
            return high
    raise ValueError("no agreement")


def text(value):
    return mp.nstr(value, 20, strip_zeros=False, min_fixed=0, max_fixed=0)


def log_uniform(draw, low, high):
    return 10 ** draw.uniform(low, high)


def pnbd_point(draw, kind):
    r, alpha, s, beta = (log_uniform(draw, -3, 4) for _ in range(4))
    if kind in ("typical", "cdnow", "s_near_1", "tx_near_T", "alpha_near_beta"):
        r, s = log_uniform(draw, -1, 1), log_uniform(draw, -1, 1)
        alpha, beta = log_uniform(draw, 0, 2.5), log_uniform(draw, 0, 2.5)
    if kind == "cdnow":
        r, alpha, s, beta = 0.553, 10.578, 0.606, 11.669
    if kind == "s_near_1":
        s = draw.choice([1.0, 1.0 + log_uniform(draw, -14, -3), 1.0 - log_uniform(draw, -14, -3)])
    if kind == "alpha_near_beta":
        beta = draw.choice([alpha, alpha * (1 + log_uniform(draw, -14, -2)), alpha * (1 - log_uniform(draw, -14, -2))])
    x = draw.choice([0, 1, 2, 5, 20])
    t_end = log_uniform(draw, 0, 3)
    if kind == "x_large":
        x, t_end = draw.randint(100, 5000), log_uniform(draw, 1, 4.69)
    if kind == "T_tiny":
        t_end = log_uniform(draw, -6, -2)
    if kind == "T_huge":
        t_end = log_uniform(draw, 3, 4.69)
    share = draw.random()
    if kind == "tx_near_T":
        share, x = draw.choice([1.0, 1 - log_uniform(draw, -14, -2)]), max(x, 1)
    t_x = t_end * share if x else 0.0
    return r, alpha, s, beta, x, t_x, t_end, log_uniform(draw, -3, 5), log_uniform(draw, -6, 0)


def pnbd_values(r, alpha, s, beta, x, t_x, t_end, t, delta):
    def later(time):
        """The integral of (alpha + tau)^-(r + x) (beta + tau)^-(s + 1) from a time on."""
        rho = r + s + x
        if alpha >= beta:
            z, b, large = (alpha - beta) / (alpha + time), s + 1, alpha + time
        else:
            z, b, large = (beta - alpha) / (beta + time), r + x, beta + time
        # Euler's form: for z near 1 the series converges slowly but its terms are positive.
        return mp.hyp2f1(rho, b, rho + 1, z) / rho / large**rho

    left = s * (later(t_x) - later(t_end)) if t_end > t_x else mpf(0)
    stayed = (alpha + t_end) ** -(r + x) * (beta + t_end) ** -s
    log_likelihood = (
        mp.loggamma(r + x) - mp.loggamma(r) + r * mp.log(alpha) + s * mp.log(beta) + mp.log(left + stayed)
    )
    alive = stayed / (left + stayed)

    def lifetime(start):
        if s == 1:
            return start * mp.log((start + t) / start)
        return start / (s - 1) * (1 - (start / (start + t)) ** (s - 1))

    mean = alive * (r + x) / (alpha + t_end) * lifetime(beta + t_end)
    z = delta * (beta + t_end)
    dert = alive * (r + x) / (alpha + t_end) * (beta + t_end) * mp.exp(z) * mp.expint(s, z)
    new = r / alpha * lifetime(beta)
    return [log_likelihood, alive, mp.log(alive), left / (left + stayed), mean, mp.log(mean), new, dert]


def pnbd_probability(r, alpha, s, beta, t, n):
    """P(X(t) = n): the negative binomial distribution over the time of leaving, by tanh-sinh quadrature."""
    mp.dps = 40
    r, alpha, s, beta, t = map(mpf, (r, alpha, s, beta, t))

    def bought(time):
        share = time / (alpha + time)
        return mp.exp(mp.loggamma(r + n) - mp.loggamma(r) - mp.loggamma(n + 1)) * (1 - share) ** r * share**n

    smallest = min(alpha, beta, t) / 1000
    ends = [mpf(0)]
    while smallest < t:
        ends.append(smallest)
        smallest *= 3
    ends.append(t)
    density = lambda time: s / beta * (beta / (beta + time)) ** (s + 1) * bought(time)
    return mp.quad(density, ends) + (beta / (beta + t)) ** s * bought(t)


def draw_pnbd(folder):
    draw = random.Random(20260101)
    kinds = ["typical", "cdnow", "s_near_1", "alpha_near_beta", "x_large", "T_tiny", "T_huge", "tx_near_T", "extreme"]
    with open(folder / "drawn_pnbd.csv", "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(
            "id,category,r,alpha,s,beta,x,t_x,T,t,delta,loglik,p_alive,log_p_alive,p_dead,cond_exp,log_cond_exp,"
            "uncond_exp,dert,count,probability".split(",")
        )
        for number in range(270):
            kind = kinds[number % len(kinds)]
            point = pnbd_point(draw, kind)
            try:
                values = certain(lambda: pnbd_values(*map(mpf, point)))
            except (ValueError, mp.NoConvergence, ZeroDivisionError) as error:
                print("skipped", number, kind, point, error, flush=True)
                continue
            count, probability = draw.choice([0, 0, 1, 2, 7, 25]), ""
            if kind in ("typical", "s_near_1", "alpha_near_beta", "T_tiny") and point[7] < 3000:
                probability = text(pnbd_probability(*point[:4], point[7], count))
            out.writerow([number, kind, *map(repr, point), *map(text, values), count, probability])


def bgbb_values(alpha, beta, gamma, delta, x, t_x, n, m, d):
    first = mp.beta(alpha, beta) * mp.beta(gamma, delta)
    stayed = mp.beta(alpha + x, beta + n - x) * mp.beta(gamma, delta + n) / first
    left = mpf(0)
    for i in range(int(n - t_x)):
        left += mp.beta(alpha + x, beta + t_x - x + i) * mp.beta(gamma + 1, delta + t_x + i) / first
    alive = stayed / (left + stayed)

    def opportunities(start, count):
        return sum(mp.beta(gamma, start + k) for k in range(1, int(count) + 1)) / mp.beta(gamma, start)

    buys = (alpha + x) / (alpha + beta + n)
    discounted = mp.hyp2f1(1, delta + n + 1, gamma + delta + n + 1, 1 / (1 + d)) / (1 + d)
    return [
        mp.log(left + stayed),
        alive,
        alive * (delta + n) / (gamma + delta + n),
        mp.log(alive),
        left / (left + stayed),
        alive * buys * opportunities(delta + n, m),
        alpha / (alpha + beta) * opportunities(delta, n),
        alive * buys * (delta + n) / (gamma + delta + n) * discounted,
    ]


def bgbb_probability(alpha, beta, gamma, delta, n, k):
    """P(X(n) = k): the beta-binomial distribution over the opportunities before leaving."""
    mp.dps = 60
    alpha, beta, gamma, delta = map(mpf, (alpha, beta, gamma, delta))
    first = mp.beta(alpha, beta) * mp.beta(gamma, delta)
    total = mpf(0)
    for i in range(k, n + 1):
        weight = mp.beta(gamma, delta + n) if i == n else mp.beta(gamma + 1, delta + i)
        total += mp.binomial(i, k) * mp.beta(alpha + k, beta + i - k) * weight
    return total / first


def draw_bgbb(folder):
    draw = random.Random(20260102)
    kinds = ["typical", "donations", "gamma_near_1", "extreme", "n_large", "tx_eq_n"]
    with open(folder / "drawn_bgbb.csv", "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(
            "id,category,alpha,beta,gamma,delta,x,t_x,n,m,d,loglik,p_alive_n,p_alive_n1,log_p_alive_n,p_dead_n,"
            "cond_exp,uncond_exp_n,dert,count,probability".split(",")
        )
        for number in range(150):
            kind = kinds[number % len(kinds)]
            low, high = (-3, 4) if kind == "extreme" else (-1, 1.3)
            parameters = [log_uniform(draw, low, high) for _ in range(4)]
            if kind == "donations":
                parameters = [1.204, 0.750, 0.657, 2.783]
            if kind == "gamma_near_1":
                parameters[2] = draw.choice([1.0, 1 + log_uniform(draw, -14, -3), 1 - log_uniform(draw, -14, -3)])
            n = draw.randint(1, 60)
            if kind == "n_large":
                n = draw.randint(500, 3000)
            t_x = n if kind == "tx_eq_n" else draw.randint(0, n)
            x = draw.randint(1, t_x) if t_x else 0
            point = [*parameters, x, t_x, n, draw.choice([1, 3, 12, 100, 700, 2000]), log_uniform(draw, -6, 0)]
            values = certain(lambda: bgbb_values(*map(mpf, point)))
            count = draw.randint(0, min(n, 12))
            probability = bgbb_probability(*parameters, n, count)
            out.writerow([number, kind, *map(repr, point), *map(text, values), count, text(probability)])


def draw_gg(folder):
    draw = random.Random(20260103)
    kinds = ["typical", "x_large", "q_le_1", "extreme"]
    with open(folder / "drawn_gg.csv", "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow("id,category,p,q,v,x,m,loglik,cond_exp_value,pop_mean,flag".split(","))
        for number in range(200):
            kind = kinds[number % len(kinds)]
            low, high = (-3, 4) if kind == "extreme" else (-0.5, 1.3)
            p, q, v = log_uniform(draw, low, high), log_uniform(draw, low, high), log_uniform(draw, -3, 5)
            if kind == "q_le_1":
                q = draw.choice([1.0, log_uniform(draw, -3, 0), 1 + log_uniform(draw, -12, -3)])
            x = draw.randint(100, 50000) if kind == "x_large" else draw.randint(1, 30)
            m = log_uniform(draw, -8, 9) if kind == "extreme" else log_uniform(draw, -1, 4)

            def values():
                a, b, rate, n, mean = map(mpf, (p, q, v, x, m))
                shape = a * n
                density = (
                    mp.loggamma(shape + b) - mp.loggamma(shape) - mp.loggamma(b) + b * mp.log(rate)
                    + (shape - 1) * mp.log(mean) + shape * mp.log(n) - (shape + b) * mp.log(n * mean + rate)
                )
                conditional = a * (rate + mean * n) / (shape + b - 1) if shape + b != 1 else mpf(0)
                return [density, conditional, a * rate / (b - 1) if b != 1 else mpf(0)]

            found = certain(values)
            flags = ["pop_mean_infinite(q<=1)"] if q <= 1 else []
            flags += ["cond_infinite(px+q<=1)"] if mpf(p) * x + mpf(q) <= 1 else []
            out.writerow([number, kind, *map(repr, (p, q, v, x, m)), *map(text, found), ";".join(flags)])


if __name__ == "__main__":
    target = Path(sys.argv[1])
    draw_gg(target)
    draw_bgbb(target)
    draw_pnbd(target)
