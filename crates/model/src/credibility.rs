//! Hierarchical credibility: how far to trust what a member has shown itself, and how far what its family has.
//!
//! Members of a family (the years of a customer, the customers of a group, the groups of a wider group) scatter around
//! the family's own level. A member with evidence of mean m and exposure e, in a family whose level is φ, has the level
//! θ = z·m + (1 − z)·φ with z = e / (e + within / between): the Bühlmann–Straub estimator (Bühlmann and Gisler 2005, *A
//! Course in Credibility Theory*, chapter 4). Members stand for their family with their credibilities as weights, and
//! the variance between them becomes the variance within at the level above (chapter 6, the hierarchical model of Jewell 1975). Variances are
//! estimated over all families of a level at once, as Ohlsson (2005, "Simplified estimation of structure
//! parameters in hierarchical credibility") does.
//!
//! All sums run in the order of the members given.

/// What a member has shown: a mean, and on how much it rests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Evidence {
    /// Years of a customer; of a group the credibilities of its members added up.
    pub(crate) exposure: f64,
    /// Weighted mean of the observations, or of the members.
    pub(crate) mean: f64,
}

/// How members differ from their family's mean, over all families of a level.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Spread {
    /// Σ e (m − m̄)², m̄ the mean of the family by exposures.
    squares: f64,
    /// Σ (members − 1).
    freedom: f64,
    /// Σ (E − Σ e² / E), E the exposure of the family.
    scale: f64,
}

/// The variances of a level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Variances {
    /// Of the mean of a member with exposure 1, around what the member is truly worth.
    pub(crate) within: f64,
    /// Of what members are truly worth, around their family.
    pub(crate) between: f64,
}

impl Spread {
    /// The spread of all `families`.
    pub(crate) fn of<F, M>(families: &[F]) -> Self
    where
        F: AsRef<[M]>,
        M: Copy + Into<Evidence>,
    {
        let mut spread = Self::default();
        for family in families.iter().map(AsRef::as_ref).filter(|family| family.len() > 1) {
            let Evidence { exposure: total, mean } = weighted(family, |exposure| exposure);
            let mut squared_exposures = 0.0;
            for &member in family {
                let member: Evidence = member.into();
                spread.squares += member.exposure * (member.mean - mean) * (member.mean - mean);
                squared_exposures += member.exposure * member.exposure;
            }
            spread.freedom += (family.len() - 1) as f64;
            spread.scale += total - squared_exposures / total;
        }
        spread
    }

    /// Variance of a member of exposure 1 around its family, the one within and the one between in one; 0 when no family
    /// has two members.
    pub(crate) fn whole(self) -> f64 {
        if self.freedom > 0.0 { self.squares / self.freedom } else { 0.0 }
    }
}

impl Variances {
    /// The variance between members that explains `spread` beyond the variance `within`; 0 when that explains it all,
    /// and when no family has two members.
    pub(crate) fn new(spread: Spread, within: f64) -> Self {
        let between = if spread.scale > 0.0 { (spread.squares - spread.freedom * within) / spread.scale } else { 0.0 };
        Self { within, between: between.max(0.0) }
    }

    /// Weight of a member's own evidence, from 0 to 1; 0 where members do not differ.
    pub(crate) fn credibility(self, exposure: f64) -> f64 {
        let signal = exposure * self.between;
        if signal > 0.0 { signal / (signal + self.within) } else { 0.0 }
    }

    /// What `family` shows as one: its members with their credibilities as exposures. Where members do not differ, their
    /// observations count as the family's own.
    pub(crate) fn pool<M: Copy + Into<Evidence>>(self, family: &[M]) -> Evidence {
        if self.between > 0.0 {
            weighted(family, |exposure| self.credibility(exposure))
        } else {
            weighted(family, |exposure| exposure)
        }
    }

    /// The variance within at the level above, for evidence from [`Variances::pool`].
    pub(crate) fn within_above(self) -> f64 {
        if self.between > 0.0 { self.between } else { self.within }
    }
}

/// Sum of the members' weights, which follow from their exposures, and the mean by them. Equal means have exactly that
/// mean.
fn weighted<M: Copy + Into<Evidence>>(family: &[M], weight: impl Fn(f64) -> f64) -> Evidence {
    let first = family.first().map_or(0.0, |&member| member.into().mean);
    let (mut total, mut shift) = (0.0, 0.0);
    for &member in family {
        let member: Evidence = member.into();
        let weight = weight(member.exposure);
        total += weight;
        shift += weight * (member.mean - first);
    }
    Evidence { exposure: total, mean: if total > 0.0 { first + shift / total } else { first } }
}

/// z·own + (1 − z)·family, never outside the two.
pub(crate) fn blend(credibility: f64, own: f64, family: f64) -> f64 {
    if credibility >= 1.0 {
        return own;
    }
    (family + credibility * (own - family)).clamp(own.min(family), own.max(family))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn evidence(members: &[(f64, f64)]) -> Vec<Evidence> {
        members.iter().map(|&(exposure, mean)| Evidence { exposure, mean }).collect()
    }

    fn near(found: f64, wanted: f64, tolerance: f64) {
        assert!((found - wanted).abs() <= tolerance, "found {found}, wanted {wanted}");
    }

    /// Severity of bodily injury claims in five states over twelve quarters (Hachemeister 1975): number of claims
    /// and their mean amount by state.
    const STATES: [(f64, f64); 5] = [
        (100_155.0, 2_060.921_391_843),
        (19_895.0, 1_511.224_126_665),
        (13_735.0, 1_805.842_737_532),
        (4_152.0, 1_352.975_915_222),
        (36_110.0, 1_599.828_607_034),
    ];
    /// Its variance within states, by claim.
    const WITHIN: f64 = 139_120_025.925;

    /// The Bühlmann–Straub estimates that the R package actuar prints for these data: 89,639 between states, 1,684 for all of
    /// them, premiums 2,055, 1,524, 1,793, 1,443 and 1,603.
    #[test]
    fn hachemeister_s_states_have_their_published_premiums() {
        let states = evidence(&STATES);
        let variances = Variances::new(Spread::of(&[&states]), WITHIN);
        near(variances.between, 89_638.73, 0.01);
        let all = variances.pool(&states);
        near(all.mean, 1_683.713, 0.001);
        let premiums = [2_055.165, 1_523.706, 1_793.444, 1_442.967, 1_603.285];
        let credibilities = [0.984_7, 0.927_6, 0.898_5, 0.727_9, 0.958_8];
        for ((state, premium), credibility) in states.iter().zip(premiums).zip(credibilities) {
            let z = variances.credibility(state.exposure);
            near(z, credibility, 5e-5);
            near(blend(z, state.mean, all.mean), premium, 0.001);
        }
    }

    /// States 1 and 3 in one unit, 2, 4 and 5 in another, with the variances of Bühlmann and Gisler: what actuar prints.
    #[test]
    fn two_levels_of_hachemeister_s_states_have_their_published_premiums() {
        let units = [evidence(&[STATES[0], STATES[2]]), evidence(&[STATES[1], STATES[3], STATES[4]])];
        let of_states = Variances { within: WITHIN, between: 13_414.843_136 };
        let of_units = Variances { within: of_states.within_above(), between: 87_263.695_757 };
        let pooled: Vec<Evidence> = units.iter().map(|unit| of_states.pool(unit)).collect();
        let all = of_units.pool(&pooled);
        near(all.mean, 1_742.22, 0.005);
        let expected = [
            (1.475_955, 1_962.45, 0.905_670_2, 1_941.675, vec![2_049.733, 1_864.280]),
            (1.720_129, 1_524.94, 0.917_961_9, 1_542.765, vec![1_522.032, 1_488.504, 1_587.097]),
        ];
        for ((unit, states), (exposure, mean, credibility, premium, premiums)) in
            pooled.iter().zip(&units).zip(expected)
        {
            near(unit.exposure, exposure, 1e-6);
            near(unit.mean, mean, 0.005);
            let z = of_units.credibility(unit.exposure);
            near(z, credibility, 1e-7);
            let value = blend(z, unit.mean, all.mean);
            near(value, premium, 0.001);
            for (state, premium) in states.iter().zip(premiums) {
                near(blend(of_states.credibility(state.exposure), state.mean, value), premium, 0.001);
            }
        }
    }

    #[test]
    fn a_level_whose_members_do_not_differ_is_skipped() {
        let family = evidence(&[(2.0, 10.0), (3.0, 10.0)]);
        let variances = Variances::new(Spread::of(&[&family]), 7.0);
        assert_eq!(variances, Variances { within: 7.0, between: 0.0 });
        assert_eq!(variances.pool(&family), Evidence { exposure: 5.0, mean: 10.0 });
        assert_eq!((variances.credibility(3.0), variances.within_above()), (0.0, 7.0));
    }

    #[test]
    fn families_of_one_tell_nothing_of_the_variance_between() {
        let spread = Spread::of(&[evidence(&[(2.0, 10.0)]), evidence(&[(3.0, 90.0)])]);
        assert_eq!((spread, spread.whole()), (Spread::default(), 0.0));
        assert_eq!(Variances::new(spread, 7.0).between, 0.0);
    }

    #[test]
    fn members_without_noise_are_believed() {
        let family = evidence(&[(1.0, 10.0), (4.0, 20.0)]);
        let variances = Variances::new(Spread::of(&[&family]), 0.0);
        assert_eq!(variances.credibility(1.0), 1.0);
        assert_eq!(variances.pool(&family), Evidence { exposure: 2.0, mean: 15.0 });
        assert_eq!(variances.credibility(0.0), 0.0, "nothing was seen");
    }

    proptest! {
        #[test]
        fn credibility_is_a_share_that_rises_with_exposure(
            within in 0.0..1e30_f64, between in 0.0..1e30_f64, a in 0.0..1e6_f64, b in 0.0..1e6_f64,
        ) {
            let variances = Variances { within, between };
            let (low, high) = (variances.credibility(a.min(b)), variances.credibility(a.max(b)));
            prop_assert!((0.0..=1.0).contains(&low) && low <= high && high <= 1.0);
        }

        #[test]
        fn a_blend_lies_between(z in 0.0..=1.0_f64, own in -1e18..1e18_f64, family in -1e18..1e18_f64) {
            let value = blend(z, own, family);
            prop_assert!(own.min(family) <= value && value <= own.max(family));
            prop_assert_eq!((blend(0.0, own, family), blend(1.0, own, family), blend(z, own, own)), (family, own, own));
        }

        /// Adding a constant to all means moves no variance; a factor moves them by its square.
        #[test]
        fn variances_know_only_differences(
            members in prop::collection::vec((1.0..6.0_f64, -100.0..100.0_f64), 2..20), within in 0.0..1e4_f64,
        ) {
            let of = |change: fn(f64) -> f64, within: f64| {
                let changed: Vec<_> = members.iter().map(|&(exposure, mean)| (exposure, change(mean))).collect();
                Variances::new(Spread::of(&[&evidence(&changed)]), within).between
            };
            let between = of(|mean| mean, within);
            prop_assert!((of(|mean| mean + 50.0, within) - between).abs() <= 1e-6 * (1.0 + between));
            prop_assert!((of(|mean| mean * 2.0, 4.0 * within) - 4.0 * between).abs() <= 1e-6 * (1.0 + between));
        }
    }
}
