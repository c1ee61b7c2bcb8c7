//! Procedures in Python that many tests deploy.

/// A procedure: its name, its arguments, its return types and its source, as
/// [`Network::with_procedures`](super::Network::with_procedures) takes them.
pub type PythonProcedure = (&'static str, &'static str, &'static str, &'static str);

/// `add`, which returns the sum of two integers.
pub const ADD: PythonProcedure = (
    "add",
    "int, int",
    "int",
    "def add(a, b):\n    return a + b\n",
);

/// `count`, which returns how many calls its worker has run.
pub const COUNT: PythonProcedure = (
    "count",
    "",
    "int",
    "calls = 0\n\ndef count():\n    global calls\n    calls += 1\n    return calls\n",
);
