//! A project folder with running servers, as processes of their own.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A project folder and its servers. Dropping this removes all of them.
pub struct Project {
    folder: TempDir,
    servers: Vec<(String, Part)>,
}

/// A process of this program that runs one of its parts. Dropping this kills it.
pub struct Part {
    child: Child,
    pub address: SocketAddr,
}

impl Project {
    /// Makes a folder with an `init.yaml` and starts servers, named `server1`, `server2`, ...
    pub fn start(init: &str, servers: usize) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("init.yaml"), init)?;
        let mut project = Self {
            folder,
            servers: Vec::new(),
        };
        for number in 1..=servers {
            let part = project.start_server(number, "127.0.0.1:0")?;
            project.servers.push((format!("server{number}"), part));
        }
        Ok(project)
    }

    fn start_server(&self, number: usize, listen: &str) -> io::Result<Part> {
        let data = self.path().join(format!("data{number}"));
        let data = data.to_string_lossy();
        let arguments = ["rpc-server", "--listen", listen, "--data", &data];
        let mut command = Part::command(&arguments)?;
        command.env("XDG_RUNTIME_DIR", self.runtime_folder());
        Part::begin(command, self.log()?)
    }

    /// Kills a server and starts it again at its address.
    pub fn restart(&mut self, server: usize) -> io::Result<()> {
        let address = self.address(server).to_string();
        self.servers[server - 1].1.kill();
        self.servers[server - 1].1 = self.start_server(server, &address)?;
        Ok(())
    }

    /// Sends one request over its own connection. Returns the server's answer.
    pub fn ask(&self, server: usize, request: &Value) -> io::Result<Value> {
        let mut stream = TcpStream::connect(self.address(server))?;
        writeln!(stream, "{request}")?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }

    /// Keeps the folder, with the servers' log, and says where it is.
    pub fn keep(&mut self) {
        self.folder.disable_cleanup(true);
        eprintln!("kept: {}", self.path().display());
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the `XDG_RUNTIME_DIR` of servers and initializers, where they keep and find deploy
    /// keys.
    fn runtime_folder(&self) -> PathBuf {
        self.path().join("run")
    }

    /// Returns the folder in which servers keep copies of their deploy keys.
    pub fn key_folder(&self) -> PathBuf {
        self.runtime_folder().join("rpc")
    }

    pub fn write(&self, name: &str, content: &str) -> io::Result<()> {
        std::fs::write(self.path().join(name), content)
    }

    pub fn address(&self, server: usize) -> SocketAddr {
        self.servers[server - 1].1.address
    }

    /// Runs `initializer` with a verb, which must end with the exit code `expected`.
    pub fn initializer(&self, verb: &str, expected: i32) -> io::Result<()> {
        let output = self.command(verb).output()?;
        if output.status.code() == Some(expected) {
            return Ok(());
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        Err(io::Error::other(format!(
            "initializer {verb}: {}: {errors}",
            output.status
        )))
    }

    /// Returns a command that runs `initializer` with a verb.
    pub fn command(&self, verb: &str) -> Command {
        let program = std::env::current_exe().unwrap_or_default();
        let mut command = Command::new(program);
        command
            .args(["initializer", verb, "init.yaml"])
            .current_dir(self.path());
        command.env("XDG_RUNTIME_DIR", self.runtime_folder());
        for (name, part) in &self.servers {
            command
                .arg("--server")
                .arg(format!("{name}={}", part.address));
        }
        command
    }

    fn log(&self) -> io::Result<Stdio> {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.path().join("servers.log"))?;
        Ok(log.into())
    }
}

impl Part {
    /// Starts a part and waits for its line `listening on IP:PORT`.
    pub fn start(arguments: &[&str], log: Stdio) -> io::Result<Self> {
        Self::begin(Self::command(arguments)?, log)
    }

    fn command(arguments: &[&str]) -> io::Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(arguments);
        Ok(command)
    }

    fn begin(mut command: Command, log: Stdio) -> io::Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()?;
        let stdout = child
            .stdout
            .take()
            .ok_or_else(|| io::Error::other("no stdout"))?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let address = line
            .trim()
            .strip_prefix("listening on ")
            .and_then(|address| address.parse().ok());
        let address =
            address.ok_or_else(|| io::Error::other(format!("{command:?} did not start")))?;
        Ok(Self { child, address })
    }
}

impl Part {
    fn kill(&mut self) {
        // An error means that it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.kill();
    }
}
