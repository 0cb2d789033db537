//! The image that ships, as people have it: started by UEFI from a stick, a screen to read and a keyboard, no serial line.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bench::key::VirtualKey;
use bench::qemu::Qemu;
use bench::stick::Stick;
use bench::usbredir::printer::Printer;
use serde_json::json;

use crate::station::{PRINTER_ID, PRINTER_PORT, STICK};
use crate::{Error, Result, output};

/// Time for anything that happens without a person, from power-on by firmware to a screen that was read.
const PATIENCE: Duration = Duration::from_mins(2);
/// Time between two looks at the screen.
const LOOK: Duration = Duration::from_millis(500);

/// A station with a screen and a keyboard.
pub struct Screen {
    machine: Qemu,
    printer: Printer,
    stick: Stick,
    repository: PathBuf,
    fonts: PathBuf,
    work: tempfile::TempDir,
}

impl Screen {
    /// Starts the image from a stick, with a screen of this size.
    pub fn start(image: &Path, stick: Stick, width: u32, height: u32, repository: &Path) -> Result<Self> {
        let objects = output(
            &repository.join("image/kernel").to_string_lossy(),
            &[OsStr::new("objects")],
        )?;
        let objects = PathBuf::from(String::from_utf8_lossy(&objects).trim());
        let mut machine = Qemu::builder()
            .ovmf()
            .boot_stick(image)
            .memory(512)
            .screen_size(width, height)
            .keyboard()
            .stick(STICK, stick.path())
            .redir_ports(4)
            .start()?;
        let printer = Printer::new(PRINTER_ID);
        machine.plug(PRINTER_PORT, &printer)?;
        Ok(Self {
            machine,
            printer,
            stick,
            repository: repository.to_owned(),
            fonts: objects.join("source/lib/fonts"),
            work: tempfile::tempdir().map_err(crate::at("a temporary folder"))?,
        })
    }

    /// The machine, for plugging.
    pub fn machine(&mut self) -> &mut Qemu {
        &mut self.machine
    }

    /// All that is on the screen now, lines joined by single spaces.
    pub fn read(&mut self) -> Result<String> {
        let picture = self.work.path().join("screen.ppm");
        let arguments = json!({ "filename": picture });
        self.machine.qmp().execute("screendump", &arguments)?;
        let program = self.repository.join("image/test/read-screen");
        let text = output(
            &program.to_string_lossy(),
            &[
                OsStr::new("--fonts"),
                self.fonts.as_os_str(),
                OsStr::new("--picture"),
                picture.as_os_str(),
            ],
        )?;
        let text = String::from_utf8_lossy(&text).into_owned();
        Ok(text.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// Looks at the screen until one of these texts is on it; gives the text's place in the list.
    pub fn see_one_of(&mut self, texts: &[&str]) -> Result<usize> {
        let end = Instant::now() + PATIENCE;
        loop {
            let screen = self.read()?;
            if let Some(place) = texts.iter().position(|text| screen.contains(text)) {
                return Ok(place);
            }
            if Instant::now() >= end {
                return Err(Error::Wrong(format!(
                    "not on the screen: {texts:?}. It says:\n{screen}"
                )));
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Looks at the screen until this text is on it.
    pub fn see(&mut self, text: &str) -> Result<()> {
        self.see_one_of(&[text]).map(drop)
    }

    /// Photographs the screen.
    pub fn photograph(&mut self, path: &Path) -> Result<()> {
        Ok(self.machine.screendump(path)?)
    }

    /// Types a line and Enter.
    pub fn say(&mut self, line: &str) -> Result<()> {
        Ok(self.machine.type_text(&format!("{line}\n"))?)
    }

    /// Touches a key once it asks for it.
    pub fn touch(&mut self, key: &VirtualKey) -> Result<()> {
        self.see("Touch the key")?;
        if key.wait_touch_awaited(Duration::from_secs(20)) {
            key.touch();
            return Ok(());
        }
        Err(Error::Wrong("the key does not wait for a touch".into()))
    }

    /// All that was printed until now.
    #[must_use]
    pub fn printed(&self) -> Vec<u8> {
        self.printer.printed()
    }

    /// Waits for the machine to switch itself off; returns the stick.
    pub fn finish(mut self) -> Result<Stick> {
        self.machine.wait_exit(Duration::from_mins(1))?;
        Ok(self.stick)
    }
}
