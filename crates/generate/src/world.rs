//! The world of the auction house: its true parameters, its groups of customers, its departments and currencies.

use serde::Serialize;

/// How customers buy: BG/NBD (Fader, Hardie and Lee 2005), time in weeks.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct PurchaseTruth {
    /// Shape of the gamma distribution of purchase rates.
    pub r: f64,
    /// Its rate, in weeks.
    pub alpha: f64,
    /// First parameter of the beta distribution of the probability to drop out after a repeat purchase.
    pub a: f64,
    /// Its second parameter.
    pub b: f64,
}

/// How much customers spend on an occasion: gamma-gamma (Fader and Hardie 2013), in pounds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct SpendTruth {
    /// Shape of one customer's spends.
    pub p: f64,
    /// Shape of the gamma distribution of the customers' rates.
    pub q: f64,
    /// Rate of that distribution, in pounds.
    pub gamma: f64,
}

/// The purchase process of the average group.
pub(crate) const PURCHASES: PurchaseTruth = PurchaseTruth { r: 0.55, alpha: 6.0, a: 0.8, b: 2.5 };
/// The spend of the average group: 1,440 pounds an occasion.
pub(crate) const SPEND: SpendTruth = SpendTruth { p: 4.0, q: 3.5, gamma: 900.0 };
/// α + β of the beta distribution of default probabilities, in every group.
pub(crate) const DEFAULT_CONCENTRATION: f64 = 12.0;

/// A line of business.
#[derive(Debug)]
pub(crate) struct Industry {
    pub(crate) name: &'static str,
    /// Relative number of customers.
    pub(crate) share: f64,
    /// Factor of the purchase rate.
    pub(crate) rate_effect: f64,
    /// Factor of the spend.
    pub(crate) spend_effect: f64,
    /// Mean probability that an invoice is never paid.
    pub(crate) default_mean: f64,
    /// Yearly growth of its market demand.
    pub(crate) demand_growth: f64,
}

const fn industry(name: &'static str, share: f64, effects: [f64; 2], default_mean: f64, growth: f64) -> Industry {
    let [rate_effect, spend_effect] = effects;
    Industry { name, share, rate_effect, spend_effect, default_mean, demand_growth: growth }
}

/// Private collectors: the industry without companies.
pub(crate) const PRIVATE: usize = 6;
/// All industries.
pub(crate) const INDUSTRIES: [Industry; 7] = [
    industry("finance", 15.0, [1.3, 1.8], 0.03, 0.04),
    industry("law", 10.0, [1.1, 1.3], 0.02, 0.02),
    industry("property", 12.0, [0.9, 1.5], 0.06, -0.03),
    industry("technology", 10.0, [1.2, 1.2], 0.04, 0.08),
    industry("hospitality", 10.0, [0.8, 0.7], 0.09, -0.01),
    industry("healthcare", 8.0, [1.0, 1.0], 0.03, 0.03),
    industry("private", 35.0, [1.0, 0.8], 0.05, 0.01),
];

/// A class of companies by the number of employees.
#[derive(Debug)]
pub(crate) struct CompanySize {
    pub(crate) name: &'static str,
    /// Relative number of companies.
    pub(crate) share: f64,
    /// Fewest and most employees; nobody counts those of a private collector.
    pub(crate) employees: Option<(i32, i32)>,
    /// Factor of the purchase rate.
    pub(crate) rate_effect: f64,
    /// Factor of the spend.
    pub(crate) spend_effect: f64,
    /// Factor of the mean default probability.
    pub(crate) default_effect: f64,
}

/// The size of private collectors.
pub(crate) const NO_COMPANY: usize = 3;
/// All company sizes.
pub(crate) const SIZES: [CompanySize; 4] = [
    size("small", 60.0, Some((1, 49)), [1.0, 1.0, 1.3]),
    size("medium", 28.0, Some((50, 249)), [1.1, 1.4, 1.0]),
    size("large", 12.0, Some((250, 20_000)), [1.3, 2.0, 0.6]),
    size("unknown", 0.0, None, [1.0, 1.0, 1.0]),
];

const fn size(name: &'static str, share: f64, employees: Option<(i32, i32)>, effects: [f64; 3]) -> CompanySize {
    let [rate_effect, spend_effect, default_effect] = effects;
    CompanySize { name, share, employees, rate_effect, spend_effect, default_effect }
}

/// Customers of one industry and company size: who differ from the others by known factors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Group {
    /// Index in [`INDUSTRIES`].
    pub(crate) industry: usize,
    /// Index in [`SIZES`].
    pub(crate) size: usize,
}

impl Group {
    /// Every group that there is.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let sizes = |industry| if industry == PRIVATE { NO_COMPANY..=NO_COMPANY } else { 0..=NO_COMPANY - 1 };
        (0..INDUSTRIES.len()).flat_map(move |industry| sizes(industry).map(move |size| Self { industry, size }))
    }

    /// Factor of the purchase rate.
    pub(crate) fn rate_effect(self, homogeneous: bool) -> f64 {
        if homogeneous { 1.0 } else { INDUSTRIES[self.industry].rate_effect * SIZES[self.size].rate_effect }
    }

    /// Factor of the spend.
    pub(crate) fn spend_effect(self, homogeneous: bool) -> f64 {
        if homogeneous { 1.0 } else { INDUSTRIES[self.industry].spend_effect * SIZES[self.size].spend_effect }
    }

    /// Parameters of the beta distribution of default probabilities.
    pub(crate) fn default_beta(self) -> (f64, f64) {
        let mean = INDUSTRIES[self.industry].default_mean * SIZES[self.size].default_effect;
        (mean * DEFAULT_CONCENTRATION, (1.0 - mean) * DEFAULT_CONCENTRATION)
    }
}

/// A department of the house: what it sells.
#[derive(Debug)]
pub(crate) struct Department {
    pub(crate) name: &'static str,
    /// Begins the ids of its sales.
    pub(crate) code: &'static str,
    /// Relative number of purchases.
    pub(crate) share: f64,
}

/// All departments.
pub(crate) const DEPARTMENTS: [Department; 8] = [
    Department { name: "Paintings", code: "PNT", share: 26.0 },
    Department { name: "Works on Paper", code: "WOP", share: 14.0 },
    Department { name: "Sculpture", code: "SCU", share: 8.0 },
    Department { name: "Furniture", code: "FUR", share: 15.0 },
    Department { name: "Ceramics", code: "CER", share: 9.0 },
    Department { name: "Jewellery", code: "JWL", share: 14.0 },
    Department { name: "Watches", code: "WCH", share: 8.0 },
    Department { name: "Books", code: "BKS", share: 6.0 },
];

/// A currency that buyers pay in.
#[derive(Debug)]
pub(crate) struct Currency {
    pub(crate) name: &'static str,
    /// Pounds for one unit, at the start.
    pub(crate) rate: f64,
    /// Standard deviation of the logarithm of one day's change.
    pub(crate) daily_change: f64,
}

/// The pound: what the books are kept in.
pub(crate) const POUND: usize = 0;
/// All currencies.
pub(crate) const CURRENCIES: [Currency; 3] = [
    Currency { name: "GBP", rate: 1.0, daily_change: 0.0 },
    Currency { name: "EUR", rate: 0.86, daily_change: 0.003 },
    Currency { name: "USD", rate: 0.79, daily_change: 0.004 },
];

/// Where customers live, how many of them, and what they pay in.
pub(crate) const REGIONS: [(&str, f64, usize); 6] = [
    ("London", 40.0, POUND),
    ("South East", 18.0, POUND),
    ("North", 14.0, POUND),
    ("Scotland", 8.0, POUND),
    ("Europe", 12.0, 1),
    ("United States", 8.0, 2),
];

/// How customers found the house, and how many of them.
pub(crate) const CHANNELS: [(&str, f64); 5] =
    [("referral", 30.0), ("website", 30.0), ("fair", 15.0), ("walk_in", 15.0), ("advertisement", 10.0)];

/// What customers say to need.
pub(crate) const NEEDS: [&str; 4] = ["collection", "decoration", "investment", "gift"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_has_a_default_probability() {
        assert_eq!(Group::all().count(), 19);
        for group in Group::all() {
            let (a, b) = group.default_beta();
            assert!(a > 0.0 && b > a, "{group:?}");
        }
    }
}
