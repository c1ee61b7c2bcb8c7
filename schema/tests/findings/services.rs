//! Providers, tenants, files, quantities and grants.

use super::{check_service, check_services};

#[test]
fn services_refer_to_declared_servers_and_clients() {
    check_services(
        "
services:
  svc1: { provider: sever1, tenants: [clint1, client1, client1, server1, nobody] }
  svc2: { provider: [server1, server2] }
  svc3: { provider: client1 }
  svc4: { tenants: [] }
",
        &[
            "3:21 E050 unknown provider `sever1` -> did you mean `server1`?",
            "3:39 E051 unknown tenant `clint1` -> did you mean `client1`?",
            "3:56 E053 `client1` is already a tenant @ 3:47",
            "3:65 E052 the tenant `server1` is a server -> a server does not call services; declare a client for it, and list the client as a tenant",
            "3:74 E051 unknown tenant `nobody` -> the clients are client1, client2",
            "4:21 E054 a service has one provider; a list of them is reserved for a later version -> name one server: `provider: server1`",
            "5:21 E050 unknown provider `client1` -> `client1` is a client; services are provided by servers",
            "6:3 E021 `svc4` has no `provider` -> add `provider: server1`",
        ],
    );
    check_services(
        "
services:
  svc1: { provider: server1 }
  Svc1: { provider: server1 }
  mod: { provider: server1 }
",
        &[
            "4:3 E032 the service `Svc1` differs from `svc1` only in upper and lower case @ 3:3 -> rename one of the two",
            "5:3 E034 a service cannot be called `mod` -> the name is reserved for a generated file; rename the service",
        ],
    );
    check_services(
        "services: { rpc_runtime: { provider: server1 } }\n",
        &[
            "2:13 E034 a service cannot be called `rpc_runtime` -> the stubs use the crate of this name; rename the service",
        ],
    );
    check_services(
        "
services:
  - { name: svc1, provider: server1 }
  - { name: svc1, provider: server1 }
  - { provider: server1 }
",
        &[
            "4:13 E031 there are two services called `svc1` @ 3:13",
            "5:5 E021 an item of `services` has no `name` -> add `name: ...`",
        ],
    );
}

#[test]
fn paths_stay_inside_the_folder() {
    check_service(
        r#"
rpcs:
  - { name: a, path: /a.py }
  - { name: b, path: ../b.py }
  - { name: c, path: 'c\d.py' }
  - { name: d, path: "d\0" }
  - { name: e, path: '' }
  - { name: f, path: f/ }
  - { name: g, path: ./. }
  - { name: h, native: true, path: h.py }
"#,
        &[
            "6:26 E060 invalid path `/a.py`: it is absolute -> write it relative to the folder of this file, with `/` between its parts",
            "7:26 E060 invalid path `../b.py`: it contains `..` -> write it relative to the folder of this file, with `/` between its parts",
            "8:26 E060 invalid path `c\\\\d.py`: it has a backslash -> write it relative to the folder of this file, with `/` between its parts",
            "9:26 E060 invalid path `d\\0`: it has a NUL character -> write it relative to the folder of this file, with `/` between its parts",
            "10:26 E060 invalid path ``: it is empty -> write it relative to the folder of this file, with `/` between its parts",
            "11:26 E060 invalid path `f/`: it is a folder -> write it relative to the folder of this file, with `/` between its parts",
            "12:26 E060 invalid path `./.`: it is a folder -> write it relative to the folder of this file, with `/` between its parts",
            "13:40 E061 a native procedure has no `path` -> it is compiled into the provider's own binary; remove `path` or `native: true`",
        ],
    );
    check_service(
        "
modules: [a/words.py, b/words.py, /c.py]
data: [a.csv, b.csv, ./a.csv]
",
        &[
            "5:27 E062 two modules are imported as `words` @ 5:15",
            "5:39 E060 invalid path `/c.py`: it is absolute -> write it relative to the folder of this file, with `/` between its parts",
            "6:26 E062 the data file `a.csv` is listed twice @ 6:12",
        ],
    );
}

#[test]
fn quantities_have_units_and_grants_are_valid() {
    check_service(
        "
rpcs:
  - { name: a, deadline: 5 }
  - { name: b, deadline: 5 sec }
  - { name: c, deadline: 0s }
  - { name: d, deadline: 1.5s }
",
        &[
            "6:30 E063 `deadline` has no unit: `5` -> add a unit, as in `5s`",
            "7:30 E063 invalid duration `5 sec` -> write a whole number above 0 with its unit: `250ms`, `5s`, `2m`, `1h`",
            "8:30 E063 invalid duration `0s` -> write a whole number above 0 with its unit: `250ms`, `5s`, `2m`, `1h`",
            "9:30 E063 invalid duration `1.5s` -> write a whole number above 0 with its unit: `250ms`, `5s`, `2m`, `1h`",
        ],
    );
    check_service(
        "allow: { connect: [0, 70000], read: [srv, /srv/../etc], write: [''], env: ['A=B'], memory: 512MB }\n",
        &[
            "5:24 E066 a port is between 1 and 65535, not 0",
            "5:27 E066 a port is between 1 and 65535, not 70000",
            "5:42 E066 invalid granted path `srv`; expected an absolute path without `..` -> write the path on the server, such as `/srv/data`; list files of the project under `data`",
            "5:47 E066 invalid granted path `/srv/../etc`; expected an absolute path without `..` -> write the path on the server, such as `/srv/data`; list files of the project under `data`",
            "5:69 E066 invalid granted path ``; expected an absolute path without `..` -> write the path on the server, such as `/srv/data`; list files of the project under `data`",
            "5:80 E066 invalid name of an environment variable: `A=B` -> write only the name; the value comes from the server's own environment",
            "5:96 E064 invalid size `512MB` -> write a whole number above 0 with its unit: `64KiB`, `512MiB`, `2GiB`",
        ],
    );
    check_service(
        "allow: { memory: 512 }\n",
        &["5:22 E064 `memory` has no unit: `512` -> add a unit, as in `512MiB`"],
    );
    check_service(
        "concurrency: 0\n",
        &[
            "5:18 E065 `concurrency` is between 1 and 4294967295, not 0 -> 1 allows one call at a time; leave the key out to let the server decide",
        ],
    );
}
