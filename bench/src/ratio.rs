//! Medians, and ratios within rounds.

use crate::job::Measured;
use crate::placement::Placement;
use crate::sample::{Sample, Samples};
use crate::work::Work;

/// The median, the least and the greatest of several values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The median.
    pub median: f64,
    /// The least value.
    pub min: f64,
    /// The greatest value.
    pub max: f64,
}

impl Spread {
    /// Returns the spread of several values, or `None` if there are none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let min = *values.first()?;
        let max = *values.last()?;
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 {
            values[middle]
        } else {
            f64::midpoint(values[middle - 1], values[middle])
        };
        Some(Self { median, min, max })
    }
}

/// The samples of all contestants for one work and placement.
#[derive(Debug, Clone, Copy)]
pub struct Race<'a> {
    /// All samples of the run.
    pub samples: &'a Samples,
    /// The work.
    pub work: Work,
    /// The cores of client and server.
    pub placement: Placement,
}

impl<'a> Race<'a> {
    /// Returns the races that have samples, in the order of works.
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
            .filter(|race| race.own_samples().next().is_some())
            .collect()
    }

    fn own_samples(self) -> impl Iterator<Item = &'a Sample> {
        let of_race =
            move |sample: &&Sample| sample.work == self.work && sample.placement == self.placement;
        self.samples.samples.iter().filter(of_race)
    }

    /// Returns the samples of a contestant.
    pub fn samples_of<'b>(
        self,
        contestant: &'b str,
    ) -> impl Iterator<Item = &'a Sample> + use<'a, 'b> {
        self.own_samples()
            .filter(move |sample| sample.contestant == contestant)
    }

    /// Returns the names and titles of the contestants that have samples, in the order of tables.
    pub fn contestants(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let titles = self.samples.machine.titles.iter();
        let titles = titles.map(|(name, title)| (name.as_str(), title.as_str()));
        titles.filter(move |(name, _)| self.samples_of(name).next().is_some())
    }

    /// Returns the spread of one quantity over a contestant's samples.
    pub fn spread(
        self,
        contestant: &str,
        quantity: impl Fn(&Measured) -> Option<f64>,
    ) -> Option<Spread> {
        Spread::of(
            self.samples_of(contestant)
                .filter_map(|sample| quantity(&sample.measured)),
        )
    }

    /// Returns a contestant's rate as a share of another contestant's rate in the same round.
    pub fn ratio(self, contestant: &str, other: &str) -> Option<Spread> {
        let ratios = self.samples_of(contestant).filter_map(|sample| {
            let reference = self
                .samples_of(other)
                .find(|reference| reference.round == sample.round)?;
            Some(sample.measured.rate() / reference.measured.rate())
        });
        Spread::of(ratios)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_compares_samples_of_the_same_round() {
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
    fn the_median_of_an_even_number_of_values_is_the_mean_of_the_middle_two() {
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
