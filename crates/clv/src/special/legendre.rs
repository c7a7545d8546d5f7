//! Gauss–Legendre rules, as many points as an integrand needs.

/// The widest panel of one rule.
const WIDEST: f64 = 4.0;

/// The largest change of an integrand's logarithm over one panel.
const LARGEST_CHANGE: f64 = 12.0;

/// The points of a rule on (0, 1) with their weights, for an integrand that changes by a factor of at most e^`change`
/// over an interval of `width`, and has no singularity within a distance of π from it.
///
/// The rule's error is below one part in 10¹²; None where one panel is too much for every rule.
pub(crate) fn legendre_rule(width: f64, change: f64) -> Option<&'static [(f64, f64)]> {
    if width <= 0.2 && change <= 0.25 {
        Some(&RULE_4)
    } else if width <= 0.6 && change <= 1.25 {
        Some(&RULE_6)
    } else if width <= 1.0 && change <= 4.0 {
        Some(&RULE_8)
    } else if width <= 2.0 && change <= 8.0 {
        Some(&RULE_12)
    } else if width <= WIDEST && change <= LARGEST_CHANGE {
        Some(&RULE_16)
    } else {
        None
    }
}

/// Integrates over (0, `length`) panel by panel, none wider than `widest`.
///
/// `part(place, weight)` is a point's part of the integral. `change(start, width)` bounds how much the integrand's
/// logarithm changes over an interval, and is convex in the width. `enough(end, sum)` says after each panel whether
/// what comes after it can be left out.
pub(crate) fn legendre_panels(
    length: f64,
    widest: f64,
    change: impl Fn(f64, f64) -> f64,
    mut part: impl FnMut(f64, f64) -> f64,
    enough: impl Fn(f64, f64) -> bool,
) -> f64 {
    let (mut start, mut sum) = (0.0, 0.0);
    while start < length {
        let (width, size) = panel((length - start).min(widest).min(WIDEST), |width| change(start, width));
        let end = start + width;
        for &(place, share) in legendre_rule(width, size).unwrap_or(&RULE_16) {
            sum += part(start + width * place, width * share);
        }
        if end <= start || enough(end, sum) {
            break;
        }
        start = end;
    }
    sum
}

/// A width of at most `widest` with its change, which is at most [`LARGEST_CHANGE`] and not much less than that if
/// the width is less than `widest`. The secant of a convex function lies above it: no step goes too far.
fn panel(widest: f64, change: impl Fn(f64) -> f64) -> (f64, f64) {
    let largest = change(widest);
    if largest <= LARGEST_CHANGE {
        return (widest, largest);
    }
    let (mut width, mut size) = (0.0, 0.0);
    for _ in 0..8 {
        width += (LARGEST_CHANGE - size) * (widest - width) / (largest - size);
        size = change(width);
        if size > 0.5 * LARGEST_CHANGE {
            break;
        }
    }
    (width, size.min(LARGEST_CHANGE))
}

/// 4 points.
const RULE_4: [(f64, f64); 4] = [
    (0.069_431_844_202_973_71, 0.173_927_422_568_726_92),
    (0.330_009_478_207_571_87, 0.326_072_577_431_273_05),
    (0.669_990_521_792_428_1, 0.326_072_577_431_273_05),
    (0.930_568_155_797_026_3, 0.173_927_422_568_726_92),
];

/// 6 points.
const RULE_6: [(f64, f64); 6] = [
    (0.033_765_242_898_423_99, 0.085_662_246_189_585_18),
    (0.169_395_306_766_867_73, 0.180_380_786_524_069_3),
    (0.380_690_406_958_401_56, 0.233_956_967_286_345_52),
    (0.619_309_593_041_598_5, 0.233_956_967_286_345_52),
    (0.830_604_693_233_132_2, 0.180_380_786_524_069_3),
    (0.966_234_757_101_576, 0.085_662_246_189_585_18),
];

/// 8 points.
const RULE_8: [(f64, f64); 8] = [
    (0.019_855_071_751_231_884, 0.050_614_268_145_188_13),
    (0.101_666_761_293_186_64, 0.111_190_517_226_687_24),
    (0.237_233_795_041_835_5, 0.156_853_322_938_943_63),
    (0.408_282_678_752_175_1, 0.181_341_891_689_181),
    (0.591_717_321_247_825, 0.181_341_891_689_181),
    (0.762_766_204_958_164_5, 0.156_853_322_938_943_63),
    (0.898_333_238_706_813_4, 0.111_190_517_226_687_24),
    (0.980_144_928_248_768_1, 0.050_614_268_145_188_13),
];

/// 12 points.
const RULE_12: [(f64, f64); 12] = [
    (0.009_219_682_876_640_375, 0.023_587_668_193_255_914),
    (0.047_941_371_814_762_57, 0.053_469_662_997_659_21),
    (0.115_048_662_902_847_65, 0.080_039_164_271_673_11),
    (0.206_341_022_856_691_3, 0.101_583_713_361_532_96),
    (0.316_084_250_500_909_9, 0.116_746_268_269_177_4),
    (0.437_383_295_744_265_54, 0.124_573_522_906_701_39),
    (0.562_616_704_255_734_5, 0.124_573_522_906_701_39),
    (0.683_915_749_499_090_1, 0.116_746_268_269_177_4),
    (0.793_658_977_143_308_7, 0.101_583_713_361_532_96),
    (0.884_951_337_097_152_3, 0.080_039_164_271_673_11),
    (0.952_058_628_185_237_5, 0.053_469_662_997_659_21),
    (0.990_780_317_123_359_7, 0.023_587_668_193_255_914),
];

/// 16 points.
const RULE_16: [(f64, f64); 16] = [
    (0.005_299_532_504_175_033, 0.013_576_229_705_877_048),
    (0.027_712_488_463_383_71, 0.031_126_761_969_323_947),
    (0.067_184_398_806_084_12, 0.047_579_255_841_246_39),
    (0.122_297_795_822_498_49, 0.062_314_485_627_766_94),
    (0.191_061_877_798_678_11, 0.074_797_994_408_288_37),
    (0.270_991_611_171_386_3, 0.084_578_259_697_501_27),
    (0.359_198_224_610_370_54, 0.091_301_707_522_461_79),
    (0.452_493_745_081_181_3, 0.094_725_305_227_534_25),
    (0.547_506_254_918_818_8, 0.094_725_305_227_534_25),
    (0.640_801_775_389_629_5, 0.091_301_707_522_461_79),
    (0.729_008_388_828_613_7, 0.084_578_259_697_501_27),
    (0.808_938_122_201_321_9, 0.074_797_994_408_288_37),
    (0.877_702_204_177_501_6, 0.062_314_485_627_766_94),
    (0.932_815_601_193_915_8, 0.047_579_255_841_246_39),
    (0.972_287_511_536_616_3, 0.031_126_761_969_323_947),
    (0.994_700_467_495_825, 0.013_576_229_705_877_048),
];
