//! Databases that are broken or too new, homes that cannot be written, disks that are full.

use super::*;

/// A run of each verb that needs the store: all end with 1 and say this.
#[track_caller]
fn all_refuse(machine: &Machine, words: &[&str]) {
    for arguments in [
        &["publish", "--text", "x", "--to", "mastodon"][..],
        &["history"],
        &["run"],
        &["retry"],
        &["resolve"],
        &["account", "list"],
    ] {
        machine.run(arguments).ends(1).says(words);
    }
    machine.run(&["publish", "--text", "x", "--to", "mastodon"]).says(&["nothing was sent"]);
    let doctor = machine.run(&["doctor"]);
    doctor.ends(1).prints(&["FAIL  store"]).prints(words);
    // a draft can be checked all the same
    let check = machine.run(&["check", "--text", "x", "--to", "mastodon"]);
    check.good().says(words).says(&["going on without accounts"]);
    assert_eq!(check.err.matches("warning").count(), 1, "{}", check.err);
}

/// All of the database in its one file.
fn settle(machine: &Machine) {
    database(machine).query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    for file in ["xpost.db-wal", "xpost.db-shm"] {
        drop(std::fs::remove_file(machine.home().join(file)));
    }
}

#[test]
fn a_database_of_garbage() {
    let machine = Machine::new();
    std::fs::create_dir_all(machine.home()).unwrap();
    let path = machine.home().join("xpost.db");
    let garbage: Vec<u8> = (0..20_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    std::fs::write(&path, &garbage).unwrap();
    all_refuse(&machine, &["xpost.db` is damaged", "move it away"]);
    assert_eq!(std::fs::read(&path).unwrap(), garbage, "it was left alone");
}

#[test]
fn a_database_that_was_cut_off() {
    let machine = Machine::with_accounts(&["mastodon"]);
    for n in 0..40 {
        machine.write("a.md", &format!("post {n} {}\n", "words ".repeat(60)));
        machine.run(&["publish", "a.md", "--at", "2099-01-01 00:00"]).good();
    }
    settle(&machine);
    let path = machine.home().join("xpost.db");
    let whole = std::fs::read(&path).unwrap();
    for part in [10, 40, 80, 95] {
        std::fs::write(&path, &whole[..whole.len() * part / 100]).unwrap();
        for file in ["xpost.db-wal", "xpost.db-shm"] {
            drop(std::fs::remove_file(machine.home().join(file)));
        }
        let run = machine.run(&["publish", "--text", "x", "--to", "mastodon"]);
        // what is left may be enough for some verbs; doctor sees it
        assert!(run.code == 0 || (run.code == 1 && run.err.contains("is damaged")), "{part}: {run:?}");
        machine.run(&["doctor"]).ends(1).prints(&["FAIL  store", "is damaged"]);
    }
}

#[test]
fn a_database_of_a_newer_xpost() {
    let machine = Machine::with_accounts(&["mastodon"]);
    machine.run(&["publish", "--text", "kept"]).good();
    let own: usize = database(&machine).query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    database(&machine).pragma_update(None, "user_version", 99).unwrap();
    settle(&machine);
    let before = std::fs::read(machine.home().join("xpost.db")).unwrap();
    all_refuse(&machine, &["written by a newer xpost", "99", "update xpost"]);
    settle(&machine);
    assert!(before == std::fs::read(machine.home().join("xpost.db")).unwrap(), "it was left alone");
    database(&machine).pragma_update(None, "user_version", own).unwrap();
    assert_eq!(posts(&machine).len(), 1);
}

#[test]
fn a_home_that_cannot_be_made() {
    let mut machine = Machine::with_twins();
    let file = machine.write("file", "not a directory");
    machine.set("XPOST_HOME", &file.join("home").display().to_string());
    for arguments in [&["publish", "--text", "x", "--to", "mastodon"][..], &["history"], &["account", "list"], &["run"]]
    {
        machine.run(arguments).ends(1).says(&["file", "XPOST_HOME"]);
    }
    let add = ["account", "add", "telegram", "--secret", "file", "--stdin", "--set", "chat=@x"];
    machine.run_with(&add, b"1:token").ends(1).says(&["XPOST_HOME"]);
    machine.run(&["doctor"]).ends(1).prints(&["FAIL"]);
    assert!(machine.twins().log().is_empty(), "nothing was sent");
}

/// A small disk of its own; needs Linux and root.
#[cfg(target_os = "linux")]
struct Disk(std::path::PathBuf);

#[cfg(target_os = "linux")]
impl Disk {
    fn new(machine: &Machine, options: &str) -> Option<Disk> {
        let path = machine.path("disk");
        std::fs::create_dir_all(&path).unwrap();
        let mounted =
            std::process::Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&path).output();
        match mounted {
            Ok(output) if output.status.success() => Some(Disk(path)),
            other => {
                println!("skipped: a small disk cannot be mounted here (that needs root): {other:?}");
                None
            }
        }
    }

    /// Leaves this many bytes.
    fn fill(&self, room: u64) {
        let mut file = std::fs::File::create(self.0.join("fill")).unwrap();
        let mut written: u64 = 0;
        while file.write_all(&[0; 4096]).is_ok() {
            written += 4096;
        }
        file.set_len(written.saturating_sub(room)).unwrap();
    }

    fn free(&self) {
        std::fs::remove_file(self.0.join("fill")).unwrap();
    }
}

#[cfg(target_os = "linux")]
impl Drop for Disk {
    fn drop(&mut self) {
        drop(std::process::Command::new("umount").arg("-l").arg(&self.0).output());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_read_only() {
    let mut machine = Machine::with_twins();
    let Some(disk) = Disk::new(&machine, "size=2m") else { return };
    machine.set("XPOST_HOME", &disk.0.display().to_string());
    machine.account(xpost::platform::by_name("mastodon").unwrap(), "mastodon").good();
    machine.twins().clear_log();
    assert!(std::process::Command::new("mount").args(["-o", "remount,ro"]).arg(&disk.0).status().unwrap().success());
    machine.run(&["publish", "--text", "x"]).ends(1).says(&["cannot be written", "XPOST_HOME", "nothing was sent"]);
    machine.run(&["check", "--text", "x", "--to", "mastodon"]).good();
    assert!(machine.twins().log().is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full_when_a_draft_is_added() {
    let mut machine = Machine::with_twins();
    let Some(disk) = Disk::new(&machine, "size=2m") else { return };
    machine.set("XPOST_HOME", &disk.0.display().to_string());
    machine.account(xpost::platform::by_name("mastodon").unwrap(), "mastodon").good();
    machine.twins().clear_log();
    // from no room at all to a little: wherever it gets stuck, nothing may be sent that the journal does not know
    for room in [0, 4096, 16384, 40960, 65536] {
        disk.fill(room);
        let run = machine.run(&["publish", "--text", &format!("room{room}end")]);
        disk.free();
        if run.code == 0 {
            continue;
        }
        run.ends(1).says(&["the disk is full"]);
        if count(&machine, "mastodon", &format!("room{room}end")) == 0 {
            machine.run(&["publish", "--text", &format!("room{room}end")]).good();
        } else {
            run.says(&["was posted (https://"]);
            machine.run(&["run"]).good();
        }
        assert_eq!(count(&machine, "mastodon", &format!("room{room}end")), 1);
    }
}

/// The disk fills up while the requests are on their way: all posts that are out are told, and the next run knows them.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full_in_the_middle() {
    let mut machine = Machine::with_twins();
    let Some(disk) = Disk::new(&machine, "size=2m") else { return };
    machine.set("XPOST_HOME", &disk.0.display().to_string());
    let names = ["mastodon", "bluesky", "webhook"];
    for name in names {
        machine.account(xpost::platform::by_name(name).unwrap(), name).good();
    }
    use xpost::twin::{Inject, What};
    for (platform, path) in [("mastodon", "/api/v1/statuses"), ("bluesky", "putRecord")] {
        machine.twins().inject(Inject::new(What::Delay { ms: 4000 }).platform(platform).path(path).method("POST"));
    }
    let child = start(&machine, &["publish", "--text", "outofroom", "--to", "all"]);
    until("the quick one is in the journal", || count(&machine, "webhook", "outofroom") == 1);
    std::thread::sleep(Duration::from_millis(1000));
    disk.fill(0);
    let run = end(child);
    disk.free();
    run.ends(1).says(&[
        "`mastodon` was posted (https://",
        "`bluesky` was posted (https://",
        "the disk is full",
        "next: xpost run",
    ]);
    assert!(run.err.contains("webhook") && run.err.contains("sent"), "what went well is told too: {}", run.err);
    machine.run(&["run"]).good();
    machine
        .run(&["publish", "--text", "outofroom", "--to", "all"])
        .good()
        .says(&["already posted to mastodon", "already posted to bluesky"]);
    for name in names {
        assert_eq!(count(&machine, name, "outofroom"), 1, "{name}");
    }
}
