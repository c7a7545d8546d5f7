//! A function of standard normal numbers by its values at a few points.

/// How far the points are from the centre: a function that is not quite quadratic is then met best where most draws
/// are.
const STEP: f64 = 1.5;

/// The points that a [`Surface`] in so many dimensions needs: the centre, one on either side in each direction, and
/// one for each pair of directions: (n + 1)(n + 2) / 2 in all.
pub(super) fn design(dimensions: usize) -> Vec<Vec<f64>> {
    let point = |steps: &[(usize, f64)]| {
        let mut point = vec![0.0; dimensions];
        for (i, step) in steps {
            point[*i] = *step;
        }
        point
    };
    let mut points = vec![point(&[])];
    for i in 0..dimensions {
        points.push(point(&[(i, STEP)]));
        points.push(point(&[(i, -STEP)]));
    }
    for i in 0..dimensions {
        points.extend((0..i).map(|j| point(&[(i, STEP), (j, STEP)])));
    }
    points
}

/// A second-order polynomial through the values at the points of [`design`]; of the logarithm, where all are
/// positive.
#[derive(Debug, Clone)]
pub(super) struct Surface {
    logarithmic: bool,
    centre: f64,
    slopes: Vec<f64>,
    /// Second derivatives: the lower triangle, row by row.
    curvatures: Vec<f64>,
}

impl Surface {
    /// The surface through these values, in the order of the design's points.
    pub(super) fn new(dimensions: usize, values: &[f64]) -> Self {
        let logarithmic = values.iter().all(|value| *value > 0.0);
        let levels: Vec<f64> =
            values.iter().map(|value| if logarithmic { libm::log(*value) } else { *value }).collect();
        let (centre, sides) = (levels[0], &levels[1..=2 * dimensions]);
        let mut pairs = levels[1 + 2 * dimensions..].iter();
        let mut slopes = Vec::with_capacity(dimensions);
        let mut curvatures = Vec::new();
        for i in 0..dimensions {
            let (above, below) = (sides[2 * i], sides[2 * i + 1]);
            slopes.push((above - below) / (2.0 * STEP));
            for (j, both) in (0..i).zip(&mut pairs) {
                curvatures.push((both - above - sides[2 * j] + centre) / (STEP * STEP));
            }
            curvatures.push((above + below - 2.0 * centre) / (STEP * STEP));
        }
        Self { logarithmic, centre, slopes, curvatures }
    }

    /// The value at a point; further coordinates are without effect.
    pub(super) fn at(&self, point: &[f64]) -> f64 {
        let mut level = self.centre;
        let mut curvatures = self.curvatures.iter();
        for (i, (z, slope)) in point.iter().zip(&self.slopes).enumerate() {
            let mut slope = *slope;
            for (other, curvature) in point[..i].iter().zip(&mut curvatures) {
                slope += curvature * other;
            }
            slope += curvatures.next().map_or(0.0, |curvature| 0.5 * curvature * z);
            level += slope * z;
        }
        if self.logarithmic { libm::exp(level) } else { level }
    }
}
