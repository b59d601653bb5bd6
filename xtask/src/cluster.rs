//! `cargo xtask test --cluster`: a Slurm of one node on this machine, for as long as the tests of sweeps on it run.

use crate::{
    features,
    run::{self, Tally, cargo},
    setup,
};
use anyhow::{Context, Result, bail};
use std::{
    fs::{self, File, Permissions},
    io::Read,
    path::{Path, PathBuf},
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

/// The node answers within this.
const PATIENCE: Duration = Duration::from_secs(60);
/// Debian's package, and the authentication that it needs.
const INSTALL: &str = "apt-get install -y -q --no-install-recommends slurm-wlm munge";
/// Ports of its own, beside those of a Slurm that may run here.
const PORTS: [u16; 2] = [16_817, 16_818];

/// Starts a Slurm, and runs the tests that need one.
///
/// # Errors
/// If it cannot be installed or started.
pub fn test() -> Result<Tally> {
    if !run::command("sh")?.args(["-c", "test \"$(id -u)\" = 0"]).status()?.success() {
        bail!("Slurm's node daemon wants to be root: run this in a container, or with sudo");
    }
    if !run::command("sh")?.args(["-c", "command -v slurmctld slurmd munged > /dev/null"]).status()?.success() {
        println!("installing slurm-wlm and munge");
        run::succeed(run::command("sh")?.args(["-c", &format!("apt-get update -q && {INSTALL}")]))?;
    }
    let everything = features::everything(setup::has_sound_libraries());
    // Compiled before the clock of the first test runs.
    run::succeed(cargo()?.arg("test").args(everything).args(["--test", "commands", "--no-run"]))?;
    let began = Instant::now();
    let cluster = Cluster::start()?;
    println!("Slurm answers after {:.1} s", began.elapsed().as_secs_f64());
    let mut command = cargo()?;
    command.arg("test").args(everything).args([
        "--test",
        "commands",
        "--",
        "--ignored",
        "--nocapture",
        "--test-threads=1",
    ]);
    run::counted(command.arg("sweep_cluster::").env("SLURM_CONF", cluster.config()))
}

/// A running Slurm. It ends with this.
struct Cluster {
    folder: PathBuf,
}

impl Cluster {
    fn start() -> Result<Self> {
        // Not in the target folder: the paths of sockets are short.
        let folder = std::env::temp_dir().join(format!("sympathy-slurm-{}", std::process::id()));
        for name in ["state", "spool", "run"] {
            let place = folder.join(name);
            fs::create_dir_all(&place).with_context(|| format!("cannot make {}", place.display()))?;
        }
        let cluster = Self { folder };
        let key = cluster.folder.join("munge.key");
        let mut bytes = [0; 1024];
        File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut bytes)).context("no random key")?;
        fs::write(&key, bytes).with_context(|| format!("cannot write {}", key.display()))?;
        cluster.guard(&key)?;
        let name = String::from_utf8(Command::new("hostname").output().context("no name of this machine")?.stdout)?;
        fs::write(cluster.config(), configuration(name.trim(), &cluster.folder))
            .with_context(|| format!("cannot write {}", cluster.config().display()))?;
        let file = |option: &str, name: &str| format!("--{option}={}", cluster.folder.join(name).display());
        run::succeed(run::command("munged")?.arg("--force").args([
            file("key-file", "munge.key"),
            file("socket", "run/munge.socket"),
            file("pid-file", "run/munged.pid"),
            file("log-file", "munged.log"),
            file("seed-file", "munged.seed"),
        ]))?;
        for daemon in ["slurmctld", "slurmd"] {
            run::succeed(run::command(daemon)?.env("SLURM_CONF", cluster.config()))?;
        }
        let began = Instant::now();
        while !cluster.is_idle()? {
            if began.elapsed() > PATIENCE {
                let logs = ["munged.log", "slurmctld.log", "slurmd.log"].map(|name| {
                    let text = fs::read_to_string(cluster.folder.join(name)).unwrap_or_default();
                    format!("{name}:\n{text}")
                });
                bail!("Slurm does not answer within {PATIENCE:?}; its logs:\n{}", logs.concat());
            }
            sleep(Duration::from_millis(100));
        }
        Ok(cluster)
    }

    /// Nobody else may read it, or munge refuses it.
    fn guard(&self, key: &Path) -> Result<()> {
        use std::os::unix::fs::PermissionsExt;
        for (path, mode) in [(key, 0o400), (&self.folder, 0o755), (&self.folder.join("run"), 0o755)] {
            fs::set_permissions(path, Permissions::from_mode(mode)).with_context(|| path.display().to_string())?;
        }
        Ok(())
    }

    fn config(&self) -> PathBuf {
        self.folder.join("slurm.conf")
    }

    fn is_idle(&self) -> Result<bool> {
        let mut command = run::command("sinfo")?;
        let said = command.args(["--noheader", "--format=%t"]).env("SLURM_CONF", self.config()).output()?;
        Ok(String::from_utf8_lossy(&said.stdout).trim() == "idle")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for name in ["slurmd", "slurmctld", "munged"] {
            let number = fs::read_to_string(self.folder.join("run").join(format!("{name}.pid"))).unwrap_or_default();
            let _ = Command::new("kill").arg(number.trim()).status();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// One node, this machine, with nothing that a container lacks: no control groups, no accounting.
fn configuration(name: &str, folder: &Path) -> String {
    let folder = folder.display();
    let [controller, node] = PORTS;
    format!(
        "ClusterName=loopback
SlurmctldHost={name}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CryptoType=crypto/munge
# A job that is put back waits for as long as a credential is good: two minutes, if this is not said.
AuthInfo=socket={folder}/run/munge.socket,cred_expire=5
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
ReturnToService=2
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd.pid
SlurmdSpoolDir={folder}/spool
StateSaveLocation={folder}/state
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmctldPort={controller}
SlurmdPort={node}
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2,sched_min_interval=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobRequeue=1
KillWait=5
MaxArraySize=101
NodeName={name} NodeAddr=127.0.0.1 CPUs=2 RealMemory=2000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"
    )
}
