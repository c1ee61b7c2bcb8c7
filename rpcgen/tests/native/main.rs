//! The provider's side of native procedures: handlers as people write them. Also compiles the
//! asynchronous calls of the tutorial.

use std::collections::BTreeMap;
use std::num::ParseIntError;
use std::sync::Mutex;

use rpc_runtime::{Call, Failure};

#[rustfmt::skip]
#[path = "../goldens/native/gen/mod.rs"]
mod stubs;

#[rustfmt::skip]
#[path = "../goldens/tutorial/gen/mod.rs"]
mod tutorial_stubs;

mod tutorial {
    use super::tutorial_stubs as stubs;

    include!("tutorial.rs");

    pub(super) fn served() -> rpc_runtime::NativeService {
        stubs::words::serve(Words)
    }
}

mod asynchronous {
    use super::tutorial_stubs as stubs;

    include!("asynchronous.rs");

    pub(super) fn call(
        words: &AsyncClient,
    ) -> impl Future<Output = Result<(), rpc_runtime::Error>> + Send {
        both(words)
    }
}

use stubs::gauges::{self, Handler};
use stubs::types::Reading;

#[derive(Default)]
struct Gauges {
    readings: Mutex<BTreeMap<String, f64>>,
}

impl Gauges {
    fn find(&self, sensor: &str) -> Result<Option<Reading>, Failure> {
        let readings = self
            .readings
            .lock()
            .map_err(|_| Failure::new("Broken", "a writer panicked"))?;
        Ok(readings.get(sensor).map(|value| Reading {
            sensor: sensor.to_owned(),
            value: *value,
        }))
    }
}

impl Handler for Gauges {
    async fn fast(&self, call: &Call, n: i64) -> Result<i64, Failure> {
        if call.client().is_empty() {
            return Err(Failure::new("UnknownClient", "the client has no name"));
        }
        n.checked_mul(2)
            .ok_or_else(|| Failure::new("Overflow", format!("{n} is too large")))
    }

    async fn record(&self, _call: &Call, reading: Reading) -> Result<(), Failure> {
        if !reading.value.is_finite() {
            return Err(Failure::new("NotFinite", reading.value.to_string()));
        }
        let mut readings = self
            .readings
            .lock()
            .map_err(|_| Failure::new("Broken", "a writer panicked"))?;
        readings.insert(reading.sensor, reading.value);
        Ok(())
    }

    async fn find_str(&self, _call: &Call, sensor: String) -> Result<Option<Reading>, Failure> {
        self.find(&sensor)
    }

    async fn find_list_str(
        &self,
        _call: &Call,
        sensors: Vec<String>,
    ) -> Result<Vec<Reading>, Failure> {
        let found: Result<Vec<_>, _> = sensors.iter().map(|sensor| self.find(sensor)).collect();
        Ok(found?.into_iter().flatten().collect())
    }

    async fn reset(&self, call: &Call) -> Result<(), Failure> {
        let number = call.client().trim_start_matches("client");
        let _: i64 = number.parse().map_err(|error: ParseIntError| error)?;
        std::future::ready(()).await;
        Ok(())
    }

    #[rustfmt::skip]
    #[expect(clippy::many_single_char_names, reason = "the arguments have no names in the file")]
    async fn mean(&self, _: &Call, a: f64, b: f64, c: f64, d: f64, e: f64, f: f64, g: f64, h: f64, i: f64, j: f64, k: f64, l: f64, m: f64) -> Result<f64, Failure> {
        Ok([a, b, c, d, e, f, g, h, i, j, k, l, m].iter().sum::<f64>() / 13.0)
    }
}

#[test]
fn serve_returns_the_service_of_a_handler() {
    let service = gauges::serve(Gauges::default());
    assert!(format!("{service:?}").contains("gauges"));
}

#[test]
fn the_tutorial_shows_a_handler_and_calls_that_compile() {
    let tutorial = include_str!("../../../docs/TUTORIAL.md");
    assert!(tutorial.contains(include_str!("tutorial.rs")));
    assert!(tutorial.contains(include_str!("asynchronous.rs")));
    assert!(format!("{:?}", tutorial::served()).contains("words"));
    let _ = asynchronous::call;
}
