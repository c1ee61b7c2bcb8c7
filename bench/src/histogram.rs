//! [`Histogram`]: latencies in buckets. Each power of two is divided into 64 buckets.

use std::time::Duration;

const STEPS: u32 = 6;
const BUCKETS: usize = (64 - STEPS as usize) << STEPS;

/// Latencies with an error of at most 1.6 %.
#[derive(Debug)]
pub struct Histogram {
    buckets: Vec<u32>,
    count: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: vec![0; BUCKETS],
            count: 0,
        }
    }
}

impl Histogram {
    /// Adds a latency.
    pub fn record(&mut self, latency: Duration) {
        let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[bucket(nanoseconds)] += 1;
        self.count += 1;
    }

    /// Returns the latency that the given share of all latencies does not exceed. Returns zero if
    /// there are no latencies.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "counts stay far below 2^52"
    )]
    pub fn quantile(&self, share: f64) -> Duration {
        let wanted = (self.count as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted {
                return Duration::from_nanos(middle(index));
            }
        }
        Duration::ZERO
    }
}

/// Returns the index of the bucket for a latency.
fn bucket(nanoseconds: u64) -> usize {
    let value = nanoseconds.max(1 << STEPS);
    let exponent = value.ilog2() - STEPS;
    let mantissa = (value >> exponent) - (1 << STEPS);
    (((exponent as usize) << STEPS) + mantissa as usize).min(BUCKETS - 1)
}

/// Returns the middle of a bucket, in nanoseconds.
fn middle(bucket: usize) -> u64 {
    let exponent = bucket >> STEPS;
    let mantissa = (bucket & ((1 << STEPS) - 1)) as u64 + (1 << STEPS);
    (mantissa << exponent) + ((1 << exponent) >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_within_two_percent() {
        let mut histogram = Histogram::default();
        for microseconds in 1..=1000 {
            histogram.record(Duration::from_micros(microseconds));
        }
        for (share, expected) in [(0.5, 500e-6), (0.99, 990e-6), (1.0, 1000e-6)] {
            let error = histogram.quantile(share).as_secs_f64() / expected - 1.0;
            assert!(error.abs() < 0.02, "{share}: the error is {error}");
        }
    }

    #[test]
    fn extremes_have_a_bucket() {
        let mut histogram = Histogram::default();
        histogram.record(Duration::ZERO);
        histogram.record(Duration::MAX);
        assert!(histogram.quantile(1.0) > Duration::from_hours(24));
    }
}
