//! What a plan shows besides its rows, and plans in files.

use serde_json::json;

use super::values;
use crate::harness::Network;

#[test]
fn a_plan_shows_what_would_be_sent_and_explains_its_marks() {
    let network = Network::serving_two();
    network.write("one.py", "# one\n# two\ndef value():\n    return 2\n");
    let plan = network
        .plan()
        .ends(3)
        .says("+ new  ~ changed  - removed  = unchanged")
        .says("1 file to send in ");
    plan.says("B\n");
    network
        .apply()
        .succeeds()
        .says("1 server: 1 sent, 0 removed, 1 unchanged, ");
    network
        .plan()
        .ends(0)
        .never_says("+ new")
        .never_says("to send");
    network.write_value("one.py", 1);
    network.plan().ends(3).says("nothing to send");
}

#[test]
fn a_plan_shows_changed_source_lines_on_demand() {
    let network = Network::serving_two();
    network.write("one.py", "def value():\n    return 2\n");
    network.plan().ends(3).never_says("return 1");
    let plan = network
        .initializer(&["plan", "init.yaml", "--diff"])
        .ends(3);
    let plan =
        plan.says("--- server1, live/one.py\n+++ planned/one.py\n@@ -1,2 +1,2 @@\n def value():\n");
    plan.says("-    return 1\n+    return 2\n")
        .never_says("two.py");
    let lines = network
        .initializer(&["plan", "init.yaml", "--diff", "--json"])
        .ends(3)
        .json_lines();
    assert_eq!(
        (&lines[1]["event"], &lines[1]["path"]),
        (&json!("difference"), &json!("one.py"))
    );
    network.write("one.py", "def value():\n    return 1\n");
    network.write(
        "init.yaml",
        &crate::harness::TWO_SERVERS.replace("one.py }", "new.py }"),
    );
    network.write("new.py", "def value():\n    return 7\n");
    let plan = network
        .initializer(&["plan", "init.yaml", "--diff"])
        .ends(3);
    plan.says("--- server1, live/one.py\n+++ /dev/null\n")
        .says("--- /dev/null\n+++ planned/new.py\n");
}

#[test]
fn a_plan_in_a_file_is_applied_unchanged_without_its_sources() {
    let network = Network::serving_two();
    network.write_value("one.py", 2);
    network
        .initializer(&["plan", "init.yaml", "--out", "plan.json"])
        .ends(3)
        .says("Saved plan.json");
    for name in ["one.py", "two.py", "init.yaml"] {
        std::fs::remove_file(network.path().join(name)).expect("a removed file");
    }
    network
        .initializer(&["apply", "--plan", "plan.json"])
        .succeeds()
        .says("~ svc1.value()  code ")
        .says("1 server: 1 sent");
    assert_eq!(values(&network), [(2, 2), (1, 1)]);
    let moved = network
        .initializer(&["apply", "--plan", "plan.json"])
        .ends(1);
    moved
        .says("server `server1` moved on: the plan is for generation 1, and generation 2 is live")
        .says("nothing has changed; plan again");
    assert_eq!(values(&network), [(2, 2), (1, 1)]);
}

#[test]
fn a_plan_is_refused_if_a_server_that_it_does_not_change_has_a_newer_generation() {
    let network = Network::serving_two();
    network.write_value("one.py", 2);
    network
        .initializer(&["plan", "init.yaml", "--out", "plan.json"])
        .ends(3);
    network.write_value("one.py", 1);
    network.write_value("two.py", 2);
    network.apply().succeeds();
    network
        .initializer(&["apply", "--plan", "plan.json"])
        .ends(1)
        .says("server `server2` moved on");
    assert_eq!(values(&network), [(1, 1), (2, 2)]);
}

#[test]
fn a_file_that_is_not_a_plan_is_refused_by_name() {
    let network = Network::serving_two();
    network
        .initializer(&["apply", "--plan", "nowhere.json"])
        .ends(1)
        .says("the plan nowhere.json: No such file");
    network.write("wrong.json", "{");
    network
        .initializer(&["apply", "--plan", "wrong.json"])
        .ends(1)
        .says("the plan wrong.json: it is not a plan that `plan --out` wrote");
    network.write_value("one.py", 2);
    network
        .initializer(&["plan", "init.yaml", "--out", "plan.json"])
        .ends(3);
    let plan = std::fs::read_to_string(network.path().join("plan.json")).expect("a plan");
    for (from, to, words) in [
        (
            "\"format\":1,\"note\"",
            "\"format\":2,\"note\"",
            "it has format 2, and this version reads format 1",
        ),
        (
            "\"path\":\"one.py\"",
            "\"path\":\"../one.py\"",
            "does not stay inside the project",
        ),
        ("\"size\":26", "\"size\":25", "does not unpack to 25 bytes"),
    ] {
        assert!(plan.contains(from), "{from} in {plan}");
        network.write("wrong.json", &plan.replace(from, to));
        network
            .initializer(&["apply", "--plan", "wrong.json"])
            .ends(1)
            .says(words);
    }
    assert_eq!(values(&network), [(1, 1); 2]);
    network
        .initializer(&["plan", "init.yaml", "--out", "no/such/folder"])
        .ends(1)
        .says("the plan no/such/folder: ");
}

#[test]
fn a_plan_replaces_an_earlier_plan_and_no_other_file() {
    let network = Network::serving_two();
    let save = |path: &str| network.initializer(&["plan", "init.yaml", "--out", path]);
    network.write_value("one.py", 2);
    save("plan.json").ends(3);
    network.write_value("one.py", 3);
    save("plan.json").ends(3);
    network.write("mine.json", "{\"format\": 1}");
    for path in ["init.yaml", "one.py", "mine.json"] {
        let before = std::fs::read(network.path().join(path)).expect("a file");
        save(path)
            .ends(1)
            .says("it exists and is not a plan; name another file");
        let after = std::fs::read(network.path().join(path)).expect("a file");
        assert_eq!(before, after);
    }
    network
        .initializer(&["apply", "--plan", "plan.json"])
        .succeeds();
    assert_eq!(values(&network), [(2, 3), (1, 1)]);
}

#[test]
fn many_new_procedures_are_shown_as_a_count_unless_all_are_asked_for() {
    for (count, is_counted) in [(20, false), (21, true)] {
        let procedures: Vec<_> = (0..count)
            .map(|number| {
                (
                    format!("rpc{number}"),
                    format!("def rpc{number}():\n    return {number}\n"),
                )
            })
            .collect();
        let procedures: Vec<_> = procedures
            .iter()
            .map(|(name, source)| (name.as_str(), "", "int", source.as_str()))
            .collect();
        let mut network = Network::with_procedures(&procedures);
        network.start("server1", &[]);
        let plan = network.plan().ends(3);
        let plan = if is_counted {
            plan.says("        + 21 procedures\n")
                .never_says("svc1.rpc7()")
        } else {
            plan.says("        + svc1.rpc7()")
                .never_says("20 procedures")
        };
        plan.says(&format!("plan: {count} new"));
        network
            .initializer(&["plan", "init.yaml", "--verbose"])
            .ends(3)
            .says("        + svc1.rpc7()");
    }
}
