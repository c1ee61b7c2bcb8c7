//! The command `rpcgen`, as it is typed.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

const INIT: &str = include_str!("goldens/tenant/init.yaml");

/// A folder with an `init.yaml`, in which the command is run.
struct Place(TempDir);

/// What a run left behind.
struct Run {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Place {
    fn new(init: &str) -> Self {
        let place = Self(tempfile::tempdir().expect("a folder"));
        place.write("init.yaml", init);
        place
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("written");
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn run(&self, arguments: &str) -> Run {
        let output = Command::new(env!("CARGO_BIN_EXE_rpcgen"))
            .args(arguments.split_whitespace())
            .current_dir(self.path())
            .output()
            .expect("rpcgen runs");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        let code = output.status.code().expect("an exit code");
        Run { code, stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Run {
    /// Holds the run against an exit code, the whole of stdout, and the beginning of stderr.
    fn check(&self, code: i32, stdout: &str, stderr: &str) {
        let Self { code: got, stdout: out, stderr: err } = self;
        assert_eq!((*got, out.as_str()), (code, stdout), "{err}");
        assert!(err.starts_with(stderr) && (stderr.is_empty() == err.is_empty()), "{err}");
    }
}

#[test]
fn stubs_are_written_once_and_checked() {
    let place = Place::new(INIT);
    let command = "init.yaml --out src/stubs";
    place.run(&format!("{command} --check")).check(
        3,
        "missing src/stubs/mod.rs\nmissing src/stubs/svc1.rs\nmissing src/stubs/svc2.rs\n",
        "3 files are not up to date; the same command without --check updates them\n",
    );
    assert!(!place.path().join("src").exists());
    place.run(command).check(
        0,
        "wrote src/stubs/mod.rs\nwrote src/stubs/svc1.rs\nwrote src/stubs/svc2.rs\n",
        "",
    );
    place.run(command).check(0, "", "");
    place.run(&format!("{command} --check")).check(0, "", "");
    place.run("init.yaml --out src/stubs --tenant client1 --check").check(
        3,
        "differs src/stubs/mod.rs\ndiffers src/stubs/svc1.rs\nstale src/stubs/svc2.rs\n",
        "3 files",
    );
    place.run("init.yaml --out src/stubs --tenant client1").check(
        0,
        "wrote src/stubs/mod.rs\nwrote src/stubs/svc1.rs\nremoved src/stubs/svc2.rs\n",
        "",
    );
}

#[test]
fn the_same_stubs_in_two_folders_are_the_same_bytes() {
    let place = Place::new(INIT);
    place.run("init.yaml --out a").check(0, "wrote a/mod.rs\nwrote a/svc1.rs\nwrote a/svc2.rs\n", "");
    place.run("./init.yaml --out deep/b");
    for name in ["mod.rs", "svc1.rs", "svc2.rs"] {
        let read = |folder: &str| fs::read(place.path().join(folder).join(name)).expect("a file");
        assert_eq!(read("a"), read("deep/b"));
    }
}

#[test]
fn findings_are_drawn_on_stderr_without_colour_where_there_is_no_terminal() {
    let place = Place::new(&INIT.replace("provider: server1", "provider: sever1"));
    for arguments in ["init.yaml --out gen", "init.yaml --out gen --check", "check init.yaml"] {
        let run = place.run(arguments);
        run.check(1, "", "error");
        assert!(run.stderr.contains("did you mean `server1`?"), "{}", run.stderr);
        assert!(!run.stderr.contains('\u{1b}'), "{}", run.stderr);
    }
    assert!(!place.path().join("gen").exists());
}

#[test]
fn sources_are_asked_for_by_check_alone() {
    let place = Place::new(INIT);
    place.run("init.yaml --out gen --tenant client1").check(0, "wrote gen/mod.rs\nwrote gen/svc1.rs\n", "");
    let run = place.run("check init.yaml");
    run.check(1, "", "error");
    assert!(run.stderr.contains("services/svc1/rpc1.py"), "{}", run.stderr);
    place.write("services/svc1/rpc1.py", "def rpc1(a, b): ...\n");
    place.write("services/svc2/rpc2.py", "def rpc2(a): ...\n");
    place.run("check init.yaml").check(0, "", "");
}

#[test]
fn check_holds_sources_against_their_signatures() {
    let place = Place::new(INIT);
    place.write("services/svc1/rpc1.py", "def rpc(a, b): ...\n");
    let run = place.run("check init.yaml");
    run.check(1, "", "error[E084]: there is no function `rpc1` in this file\n");
    for words in ["::: services/svc1/rpc1.py:1:5", "did you mean `rpc`?", "E080", "2 errors in init.yaml"] {
        assert!(run.stderr.contains(words), "{words}: {}", run.stderr);
    }
    place.write("services/svc2/rpc2.py", "def rpc2(a): ...\n");
    place.run("check init.yaml --no-sources").check(0, "", "");
    place.run("check init.yaml --python /no/python").check(
        0,
        "",
        "note: `/no/python` was not found: the sources were not held against their signatures\n",
    );
    assert_eq!(place.run("check init.yaml --no-sources --python python3").code, 2);
}

#[test]
fn what_cannot_be_done_is_said_in_one_line() {
    let place = Place::new(INIT);
    place.write("file", "");
    place.write("taken/svc1.rs", "fn mine() {}\n");
    for (arguments, message) in [
        ("nowhere.yaml --out gen", "nowhere.yaml"),
        ("init.yaml --out file", "cannot read the folder `file`: not a directory"),
        ("init.yaml --out file/gen", "cannot read the folder `file/gen`: not a directory"),
        ("init.yaml --out /proc/gen", "cannot create the folder `/proc/gen`"),
        ("init.yaml --out taken", "`taken/svc1.rs` is in the way: it was not generated by rpcgen"),
        (
            "init.yaml --out gen --tenant clinet1",
            "no client `clinet1` in `init.yaml`: did you mean `client1`?",
        ),
    ] {
        let run = place.run(arguments);
        run.check(1, "", "error: ");
        assert!(run.stderr.contains(message), "{arguments}: {}", run.stderr);
        assert!(run.stderr.lines().count() <= 3, "{arguments}: {}", run.stderr);
    }
}

#[test]
fn wrong_usage_exits_with_2() {
    let place = Place::new(INIT);
    for arguments in ["", "init.yaml", "--out gen", "init.yaml --out gen --frobnicate", "check", "check a b"]
    {
        let run = place.run(arguments);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{arguments}: {}", run.stderr);
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
        assert!(run.stderr.contains("see `rpcgen --help`"), "{arguments}: {}", run.stderr);
    }
}

#[test]
fn a_verb_wins_over_a_file_of_its_name() {
    let place = Place::new(INIT);
    place.write("check", INIT);
    assert_eq!(place.run("check --out gen").code, 2);
    place.run("./check --out gen --tenant client1").check(0, "wrote gen/mod.rs\nwrote gen/svc1.rs\n", "");
}

#[test]
fn help_explains_by_example() {
    let place = Place::new(INIT);
    let run = place.run("--help");
    assert_eq!(run.code, 0);
    assert!(run.stdout.contains("rpcgen init.yaml --out src/stubs --check"), "{}", run.stdout);
    place.run("--version").check(0, concat!("rpcgen ", env!("CARGO_PKG_VERSION"), "\n"), "");
    assert!(place.run("--completions bash").stdout.contains("--tenant"));
}
