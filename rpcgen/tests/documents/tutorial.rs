use super::tutorial_stubs as stubs;

mod build_script {
    fn main() -> Result<(), rpcgen::Error> {
        rpcgen::build("../init.yaml").tenant("laptop").emit()
    }
}

mod first_main {
    use super::stubs;
    use rpc_runtime::Network;
    use stubs::{TOPOLOGY, words};

    fn main() -> Result<(), rpc_runtime::Error> {
        Network::builder(&TOPOLOGY).build()?.install();
        let counts = words::count("to be or not to be".to_owned())?;
        println!("{counts:?}");
        Ok(())
    }
}

mod overloaded {
    use super::stubs::words;

    fn main() -> Result<(), rpc_runtime::Error> {
        println!("{:?}", words::count("to be or not to be")?);
        println!("{:?}", words::count(["to be", "or not to be"])?);
        Ok(())
    }
}

/// The tests of the page stand in one `main.rs`, below its imports.
mod tests_of_main {
    use super::stubs;
    use rpc_runtime::Network;
    use stubs::{TOPOLOGY, words};

    include!("../doubles/tutorial.rs");

    /// Compiles a test without running it, because it needs the tutorial's server.
    macro_rules! compiled {
        (#[test] $test:item) => {
            $test
        };
    }

    compiled! {
        #[test]
        fn words_are_counted() -> Result<(), rpc_runtime::Error> {
            Network::builder(&TOPOLOGY).build()?.install();
            assert_eq!(words::count("a b a")?["a"], 2);
            Ok(())
        }
    }
}
