//! Medians, and ratios formed within rounds.

use crate::job::Measured;
use crate::placement::Placement;
use crate::sample::{Sample, Samples};
use crate::work::Work;

/// A median and what it lies between.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Half of the values are below.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// Of these values; `None` where there are none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 {
            values[middle]
        } else {
            f64::midpoint(values[middle - 1], values[middle])
        };
        Some(Self { median, min, max })
    }
}

/// A work in a placement, as everybody did it.
#[derive(Debug, Clone, Copy)]
pub struct Race<'a> {
    /// Everything that was measured.
    pub samples: &'a Samples,
    /// The work.
    pub work: Work,
    /// Where client and server ran.
    pub placement: Placement,
}

impl<'a> Race<'a> {
    /// Every race that somebody took part in, in order.
    pub fn all(samples: &'a Samples, placement: Placement) -> Vec<Self> {
        let mut works: Vec<Work> = samples.samples.iter().map(|sample| sample.work).collect();
        works.sort_unstable();
        works.dedup();
        let races = works.into_iter().map(|work| Self {
            samples,
            work,
            placement,
        });
        races
            .filter(|race| race.everybody().next().is_some())
            .collect()
    }

    fn everybody(self) -> impl Iterator<Item = &'a Sample> {
        let of_race =
            move |sample: &&Sample| sample.work == self.work && sample.placement == self.placement;
        self.samples.samples.iter().filter(of_race)
    }

    /// The samples of a contestant.
    pub fn of<'b>(self, contestant: &'b str) -> impl Iterator<Item = &'a Sample> + use<'a, 'b> {
        self.everybody()
            .filter(move |sample| sample.contestant == contestant)
    }

    /// Names and titles of who took part, in the order of tables.
    pub fn contestants(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let titles = self.samples.machine.titles.iter();
        let titles = titles.map(|(name, title)| (name.as_str(), title.as_str()));
        titles.filter(move |(name, _)| self.of(name).next().is_some())
    }

    /// What a contestant's samples tell of one quantity.
    pub fn spread(self, contestant: &str, of: impl Fn(&Measured) -> Option<f64>) -> Option<Spread> {
        Spread::of(
            self.of(contestant)
                .filter_map(|sample| of(&sample.measured)),
        )
    }

    /// A contestant's rate as a share of another's in the same round.
    pub fn ratio(self, contestant: &str, other: &str) -> Option<Spread> {
        let ratios = self.of(contestant).filter_map(|sample| {
            let beside = self.of(other).find(|beside| beside.round == sample.round)?;
            Some(sample.measured.rate() / beside.measured.rate())
        });
        Spread::of(ratios)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_formed_within_a_round() {
        let samples = Samples::of(&[
            ("limit", 0, 100),
            ("peer", 0, 50),
            ("limit", 1, 10),
            ("peer", 1, 2),
            ("peer", 2, 9),
        ]);
        let race = Race {
            samples: &samples,
            work: Work::Add1,
            placement: Placement::TwoCores,
        };
        assert_eq!(
            race.ratio("peer", "limit"),
            Some(Spread {
                median: 0.35,
                min: 0.2,
                max: 0.5
            })
        );
        assert_eq!(race.ratio("nobody", "limit"), None);
    }

    #[test]
    fn a_median_lies_in_the_middle() {
        let check = |values: &[f64], expected: Option<f64>| {
            assert_eq!(
                Spread::of(values.iter().copied()).map(|spread| spread.median),
                expected
            );
        };
        check(&[], None);
        check(&[3.0, 1.0, 2.0], Some(2.0));
        check(&[4.0, 1.0, 2.0, 3.0], Some(2.5));
    }
}
