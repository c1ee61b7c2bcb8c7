//! How long the long tests are.

/// The environment variable that selects the large sizes, when it is `full`. `tests/faults/run.py
/// --full` sets it.
const SIZE: &str = "RPC_FAULTS";

/// Returns the small size in a usual run, and the large one on demand.
pub fn sized<T>(small: T, large: T) -> T {
    if std::env::var(SIZE).is_ok_and(|size| size == "full") {
        large
    } else {
        small
    }
}

/// Says that this machine does not allow a test. `tests/faults/run.py` shows the reason.
pub fn left_out(reason: &str) {
    println!("left out: {reason}");
}
