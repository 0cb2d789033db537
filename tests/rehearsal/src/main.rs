//! `rehearsal`: plays the whole of Glasskey through and leaves what came of it in a folder.

use std::path::Path;
use std::process::ExitCode;

use bench::key::VirtualKey;
use rehearsal::{officer::Officer, papers, plan, station};

fn main() -> ExitCode {
    use std::io::Write;
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> rehearsal::Result<()> {
    use std::io::Write;
    let out = Path::new("target/rehearsal");
    std::fs::create_dir_all(out).ok();
    let stick = station::make_stick(
        &out.join("stick.img"),
        &plan::plan(
            2,
            "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
        ),
    )?;
    let mut station = station::Station::start(
        Path::new("target/image/glasskey-serial.bzImage"),
        stick,
        &out.join("console/station.log"),
    )?;
    let keys: Vec<VirtualKey> = (0..2)
        .map(|_| VirtualKey::open(&"opensk".parse()?))
        .collect::<Result<_, bench::error::Error>>()?;
    for key in &keys {
        key.set_touch(bench::engine::Touch::Manual);
    }
    let mut officer = Officer::new(&mut station);
    let id = officer.begin()?;
    let _ = writeln!(std::io::stderr(), "ceremony {id}");
    for key in &keys {
        let notes = officer.prepare(key, 0)?;
        let _ = writeln!(std::io::stderr(), "{notes:?}");
    }
    officer.close()?;
    let (_, printed) = station.finish()?;
    std::fs::write(out.join("printed.bin"), &printed).ok();
    for paper in papers::render(&printed, &out.join("printed"))? {
        let _ = writeln!(std::io::stderr(), "{paper:?}");
    }
    Ok(())
}
