#!/usr/bin/env python3
"""Fits and scores of one peer, in the environment of that peer: clv_peers.py lifetimes|pymc FOLDER FEW.

FOLDER holds customers.csv, and of our run ours.json (its parameters) and the scores of every pattern. The peer gets
what its users have: one row a customer. Pareto/NBD is fitted to the first FEW customers. Scores are those under our
parameters, so that they can be compared. Prints JSON: CPU seconds of every task, fits, and how far the scores differ.
"""

import json
import logging
import os
import resource
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

# Where ours is closer to 0 than this, the difference itself is compared: some peers subtract there.
SMALLEST = 1e-9


def cpu_seconds():
    """User and system time of this process and of the compilers that it ran."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


class Report:
    """What is printed in the end."""

    def __init__(self, folder):
        self.folder = folder
        self.ours = json.loads((folder / "ours.json").read_text(encoding="utf-8"))
        self.horizon = self.ours["horizon"]
        self.cpu, self.fits, self.differences, self.log_likelihoods = {}, {}, {}, {}

    def timed(self, task, work):
        """Runs `work` and notes what it took."""
        before = cpu_seconds()
        result = work()
        self.cpu[task] = cpu_seconds() - before
        return result

    def parameters(self, model):
        """Our parameters of a model, by name."""
        return self.ours["fits"][model]["parameters"]

    def patterns(self, model):
        """Every pattern with our scores of it."""
        return pd.read_csv(self.folder / f"{model}.csv", float_precision="round_trip")

    def compare(self, model, ours, p_alive, expected):
        """Notes the largest difference from our scores, and how many of the peer's are not finite."""
        self.differences[model] = {}
        for name, theirs in (("p_alive", p_alive), ("expected", expected)):
            theirs, mine = np.asarray(theirs, dtype=float).ravel(), ours[name].to_numpy()
            finite = np.isfinite(theirs)
            difference = np.abs(theirs - mine)[finite] / np.maximum(np.abs(mine[finite]), SMALLEST)
            worst = float(difference.max())
            self.differences[model][name] = {"largest": worst, "not_finite": int((~finite).sum())}

    def print(self):
        """As JSON, on the last line."""
        report = {name: getattr(self, name) for name in ("cpu", "fits", "differences", "log_likelihoods")}
        print("\n" + json.dumps(report))


def lifetimes(report, customers, few):
    """Fits of lifetimes, which are maximum likelihood as ours, and its scores."""
    from lifetimes import BetaGeoFitter, GammaGammaFitter, ParetoNBDFitter

    def columns(data):
        return data["x"], data["t_x"], data["T"]

    def note(model, fitter):
        report.fits[model] = {name: float(fitter.params_[name]) for name in report.parameters(model)}

    def grouped():
        counts = customers.groupby(["x", "t_x", "T"]).size().reset_index(name="count")
        return BetaGeoFitter().fit(*columns(counts), weights=counts["count"])

    def score(fitter, data):
        p_alive = fitter.conditional_probability_alive(*columns(data))
        return p_alive, fitter.conditional_expected_number_of_purchases_up_to_time(report.horizon, *columns(data))

    bg = report.timed("bg_nbd_fit", lambda: BetaGeoFitter().fit(*columns(customers)))
    report.timed("bg_nbd_fit_grouped", grouped)
    pareto = report.timed("pareto_nbd_fit", lambda: ParetoNBDFitter().fit(*columns(customers[:few])))
    buyers = customers[customers["x"] > 0]
    spend = report.timed("gamma_gamma_fit", lambda: GammaGammaFitter().fit(buyers["x"], buyers["mean_spend"]))
    note("gamma_gamma", spend)
    for model, fitter, data in (("bg_nbd", bg, customers), ("pareto_nbd", pareto, customers[:few])):
        note(model, fitter)
        fitter.params_ = pd.Series(report.parameters(model))
        report.timed(f"{model}_score", lambda fitter=fitter: score(fitter, customers))
        ours = report.patterns(model)
        report.compare(model, ours, *score(fitter, ours))
        parameters = fitter.params_.to_numpy()
        if model == "bg_nbd":
            parameters = np.log(parameters)
        arrays = [column.to_numpy() for column in columns(data)]
        # Of the BG/NBD it is the mean over the customers, of the Pareto/NBD the sum.
        negative = fitter._negative_log_likelihood(parameters, *arrays, np.ones(len(data)), 0)
        report.log_likelihoods[model] = -float(negative) * (len(data) if model == "bg_nbd" else 1)


def pymc(report, customers, _few):
    """Fits of PyMC-Marketing by maximum a posteriori with its default priors, and its scores."""
    # Compiled code of an earlier run would hide what compiling takes.
    compiled = tempfile.TemporaryDirectory(prefix="compiled-", dir=report.folder)
    os.environ["PYTENSOR_FLAGS"] = f"base_compiledir={compiled.name}"
    import arviz
    from pymc_marketing.clv import BetaGeoModel, GammaGammaModel, ParetoNBDModel

    def named(data):
        data = data.rename(columns={"x": "frequency", "t_x": "recency", "mean_spend": "monetary_value"})
        return data.assign(customer_id=np.arange(len(data)))

    def fit(kind, data):
        model = kind()
        model.fit(data=data, method="map", progressbar=False)
        return model

    def note(name, model):
        posterior = model.idata.posterior
        report.fits[name] = {parameter: float(posterior[parameter].item()) for parameter in report.parameters(name)}

    def score(model, data):
        return model.expected_probability_alive(data), model.expected_purchases(data, future_t=report.horizon)

    customers = named(customers)
    buyers = customers[customers["frequency"] > 0]
    sample = customers[:1000]
    # The first model of a kind is compiled, what the compiler made is kept for the next: that is not in the fits below.
    report.timed("bg_nbd_compile", lambda: fit(BetaGeoModel, sample))
    report.timed("gamma_gamma_compile", lambda: fit(GammaGammaModel, buyers[:1000]))
    bg = report.timed("bg_nbd_fit", lambda: fit(BetaGeoModel, customers))
    note("bg_nbd", bg)
    note("gamma_gamma", report.timed("gamma_gamma_fit", lambda: fit(GammaGammaModel, buyers)))
    # The gradient of the Pareto/NBD's likelihood takes it too long: scores alone.
    pareto = ParetoNBDModel()
    pareto.build_model(sample)
    for name, model in (("bg_nbd", bg), ("pareto_nbd", pareto)):
        model.idata = arviz.from_dict(posterior={key: [[value]] for key, value in report.parameters(name).items()})
        report.timed(f"{name}_score", lambda model=model: score(model, customers))
        ours = report.patterns(name)
        report.compare(name, ours, *score(model, named(ours)))


def main():
    """Runs one peer."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    peer, folder, few = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    report = Report(folder)
    # lifetimes starts its search for the Pareto/NBD at random.
    np.random.seed(1)
    with np.errstate(all="ignore"):
        {"lifetimes": lifetimes, "pymc": pymc}[peer](report, pd.read_csv(folder / "customers.csv"), few)
    report.print()


if __name__ == "__main__":
    main()
