//! Finds USB printers by what the kernel says in sysfs; opens no device.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::device_id::{self, DeviceId};
use super::{Language, Offset, PrintError, Printer, labels};
use crate::paper::Document;
use crate::paper::stock::Stock;

/// Where the kernel describes devices and keeps their nodes.
#[derive(Debug, Clone)]
pub struct Roots {
    /// `/sys`.
    pub sys: PathBuf,
    /// `/dev`.
    pub dev: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self {
            sys: PathBuf::from("/sys"),
            dev: PathBuf::from("/dev"),
        }
    }
}

impl Roots {
    /// All printers, by USB port.
    #[must_use]
    pub fn printers(&self) -> Vec<Printer> {
        let Ok(entries) = fs::read_dir(self.sys.join("class/usbmisc")) else {
            // No such class means that no printer was ever plugged in.
            return Vec::new();
        };
        let mut printers: Vec<Printer> = entries
            .flatten()
            .filter_map(|entry| self.printer(&entry.path()))
            .collect();
        printers.sort_by(|a, b| (&a.port, &a.name).cmp(&(&b.port, &b.name)));
        printers
    }

    /// Bus and device number of every printer of pages, which it has until it is switched off or unplugged.
    #[must_use]
    pub fn plugged(&self) -> Vec<(u16, u16)> {
        let Ok(entries) = fs::read_dir(self.sys.join("class/usbmisc")) else {
            return Vec::new();
        };
        let mut plugged: Vec<(u16, u16)> = entries
            .flatten()
            .filter_map(|entry| {
                let entry = entry.path();
                self.printer(&entry).filter(|printer| !is_for_labels(printer))?;
                // The interface's parent is the device.
                let device = fs::canonicalize(entry.join("device")).ok()?.parent()?.to_owned();
                let number = |name: &str| {
                    let text = bounded(&device.join(name));
                    std::str::from_utf8(&text).ok()?.trim().parse().ok()
                };
                Some((number("busnum")?, number("devnum")?))
            })
            .collect();
        plugged.sort_unstable();
        plugged
    }

    /// The one printer for pages; label printers beside it do not matter.
    pub fn page_printer(&self) -> Result<Printer, PrintError> {
        self.only(|printer| !is_for_labels(printer), PrintError::NoPrinter)
    }

    /// The one printer for these labels: a label printer for a roll, the page printer for a sheet.
    pub fn label_printer(&self, stock: Stock) -> Result<Printer, PrintError> {
        let Some(language) = stock.roll().map(labels::language_for) else {
            return self.page_printer();
        };
        let none = PrintError::NoLabelPrinter {
            stock: stock.to_string(),
            language: language.name().to_owned(),
        };
        self.only(|printer| printer.language == Some(language), none)
    }

    /// The one printer for a document.
    pub fn printer_for(&self, document: &Document) -> Result<Printer, PrintError> {
        document
            .labels()
            .map_or_else(|| self.page_printer(), |stock| self.label_printer(stock))
    }

    /// The one printer of a kind.
    fn only(&self, fits: impl Fn(&Printer) -> bool, none: PrintError) -> Result<Printer, PrintError> {
        let mut printers = self.printers();
        printers.retain(fits);
        match printers.len() {
            0 => Err(none),
            1 => Ok(printers.remove(0)),
            _ => Err(PrintError::SeveralPrinters(
                printers.iter().map(Printer::describe).collect(),
            )),
        }
    }

    /// Reads one entry; `None` for what is no printer (hiddev shares the class).
    fn printer(&self, entry: &Path) -> Option<Printer> {
        let name = entry.file_name()?.to_str()?;
        is_printer(entry).then_some(())?;
        let interface = fs::canonicalize(entry.join("device")).ok()?;
        let port = interface.file_name()?.to_str()?.split(':').next()?.to_owned();
        let id = DeviceId::parse(&bounded(&entry.join("device/ieee1284_id")));
        Some(Printer {
            name: name.to_owned(),
            node: self.node(entry, name),
            port,
            language: Language::choose(&id.commands).filter(|language| language.fits_model(&id.model)),
            make: id.make,
            model: id.model,
            commands: id.commands,
            offset: Offset::default(),
        })
    }

    /// The node the kernel names, or the usual place.
    fn node(&self, entry: &Path, name: &str) -> PathBuf {
        let event = bounded(&entry.join("uevent"));
        let named = String::from_utf8_lossy(&event)
            .lines()
            .find_map(|line| line.strip_prefix("DEVNAME=").map(str::to_owned));
        let fits = |n: &String| n.split('/').all(|part| !part.is_empty() && part != "..");
        self.dev
            .join(named.filter(fits).unwrap_or_else(|| format!("usb/{name}")))
    }
}

/// Whether an entry of the class is called as printers are: `lp` and a number.
fn is_printer(entry: &Path) -> bool {
    let name = entry.file_name().and_then(|name| name.to_str());
    let number = name.and_then(|name| name.strip_prefix("lp"));
    number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

fn is_for_labels(printer: &Printer) -> bool {
    printer.language.is_some_and(Language::is_for_labels)
}

/// The beginning of a file; empty where there is none.
fn bounded(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Ok(file) = fs::File::open(path) {
        let limit = u64::try_from(device_id::MAX_LENGTH).unwrap_or(u64::MAX);
        if file.take(limit).read_to_end(&mut bytes).is_err() {
            bytes.clear();
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A sysfs with printers: name, port, device id.
    fn roots(test: &str, printers: &[(&str, &str, &str)]) -> Roots {
        let root = std::env::temp_dir().join(format!("glasskey-sysfs-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        let class = root.join("sys/class/usbmisc");
        fs::create_dir_all(&class).unwrap();
        for (name, port, id) in printers {
            let interface = root.join(format!("sys/devices/usb1/{port}/{port}:1.0"));
            let entry = interface.join("usbmisc").join(name);
            fs::create_dir_all(&entry).unwrap();
            fs::write(interface.join("ieee1284_id"), id).unwrap();
            let device = interface.parent().unwrap();
            fs::write(device.join("busnum"), "1\n").unwrap();
            fs::write(
                device.join("devnum"),
                format!("{}\n", 6 + class.read_dir().unwrap().count()),
            )
            .unwrap();
            fs::write(
                entry.join("uevent"),
                format!("MAJOR=180\nMINOR=0\nDEVNAME=usb/{name}\n"),
            )
            .unwrap();
            symlink(&interface, entry.join("device")).unwrap();
            symlink(&entry, class.join(name)).unwrap();
        }
        Roots {
            sys: root.join("sys"),
            dev: root.join("dev"),
        }
    }

    fn clear(roots: &Roots) {
        fs::remove_dir_all(roots.sys.parent().unwrap()).unwrap();
    }

    #[test]
    fn finds_a_printer_that_is_not_lp0_and_ignores_other_devices() {
        let roots = roots(
            "one",
            &[
                ("lp2", "1-1.4", "MFG:ACME;MDL:Laser 1;CMD:PJL,PDF;"),
                ("hiddev0", "1-2", ""),
            ],
        );
        let printer = roots.page_printer().unwrap();
        assert_eq!(printer.name, "lp2");
        assert_eq!(printer.node, roots.dev.join("usb/lp2"));
        assert_eq!(printer.describe(), "ACME Laser 1 on port 1-1.4");
        assert_eq!(printer.language, Some(Language::Pdf));
        clear(&roots);
    }

    #[test]
    fn a_printer_that_was_off_has_another_number() {
        let roots = roots(
            "plugged",
            &[("hiddev0", "1-2", ""), ("lp0", "1-1", "MFG:A;MDL:B;")],
        );
        assert_eq!(roots.plugged(), [(1, 7)]);
        let device = roots.sys.join("devices/usb1/1-1");
        fs::write(device.join("devnum"), "9\n").unwrap();
        assert_eq!(roots.plugged(), [(1, 9)]);
        fs::remove_file(roots.sys.join("class/usbmisc/lp0")).unwrap();
        assert_eq!(roots.plugged(), []);
        clear(&roots);
    }

    #[test]
    fn none_and_two_are_refused() {
        let none = roots("none", &[]);
        assert_eq!(none.page_printer(), Err(PrintError::NoPrinter));
        clear(&none);
        let two = roots("two", &[("lp0", "1-2", "MFG:A;MDL:B;"), ("lp1", "1-1", "")]);
        assert_eq!(
            two.page_printer(),
            Err(PrintError::SeveralPrinters(vec![
                "a printer on port 1-1".into(),
                "A B on port 1-2".into()
            ]))
        );
        clear(&two);
    }

    #[test]
    fn a_printer_without_a_known_language_is_found_but_not_used() {
        let roots = roots("gdi", &[("lp0", "1-1", "MFG:A;MDL:B;CMD:GDI,PCL6;")]);
        let printer = roots.page_printer().unwrap();
        let error = printer.usable_language().unwrap_err();
        assert!(error.to_string().contains("GDI, PCL6"), "{error}");
        assert!(
            error.hint().contains("PCL 5, PostScript, PWG raster, PDF"),
            "{}",
            error.hint()
        );
        clear(&roots);
    }

    #[test]
    fn a_printer_of_pdf_alone_is_not_for_slips() {
        let pdf = roots("pdf", &[("lp0", "1-1", "MFG:A;MDL:B;CMD:PDF;")]);
        let printer = pdf.page_printer().unwrap();
        assert_eq!(printer.usable_language(), Ok(Language::Pdf));
        let error = printer.slip_language().unwrap_err();
        assert!(
            error.hint().contains("PCL 5, PostScript, PWG raster."),
            "{}",
            error.hint()
        );
        clear(&pdf);
        let both = roots("both", &[("lp0", "1-1", "MFG:A;MDL:B;CMD:PDF,PS3;")]);
        let printer = both.page_printer().unwrap();
        assert_eq!(printer.slip_language(), Ok(Language::PostScript));
        clear(&both);
    }

    const PAGES: &str = "MFG:ACME;MDL:Laser;CMD:PCL5e;";
    const BROTHER: &str = "MFG:Brother;MDL:QL-800;CMD:PT-CBP;";
    const ZEBRA: &str = "MFG:Zebra Technologies;MDL:ZTC ZD420-300dpi ZPL;CMD:ZPL;";
    fn stock(name: &str) -> Stock {
        Stock::named(name).unwrap()
    }

    #[test]
    fn a_page_printer_and_a_label_printer_may_both_be_there() {
        let roots = roots(
            "both-kinds",
            &[
                ("lp0", "1-1", BROTHER),
                ("lp1", "1-2", PAGES),
                ("lp2", "1-3", ZEBRA),
            ],
        );
        assert_eq!(roots.page_printer().unwrap().model, "Laser");
        assert_eq!(roots.label_printer(stock("brother-62")).unwrap().model, "QL-800");
        let zebra = roots.label_printer(stock("zebra-50x25")).unwrap();
        assert_eq!(roots.label_printer(stock("L7651")).unwrap().model, "Laser");
        assert_eq!((zebra.port.as_str(), zebra.resolution().per_inch()), ("1-3", 300));
        clear(&roots);
    }

    #[test]
    fn each_kind_is_missed_and_counted_by_itself() {
        let pages = roots("pages", &[("lp0", "1-1", PAGES), ("lp1", "1-2", ZEBRA)]);
        let missing = pages.label_printer(stock("brother-62")).unwrap_err();
        assert!(missing.to_string().contains("brother-62"), "{missing}");
        assert!(pages.label_printer(stock("zebra-50x25")).is_ok());
        clear(&pages);
        let labels = roots("labels", &[("lp0", "1-1", BROTHER), ("lp1", "1-2", BROTHER)]);
        assert_eq!(labels.page_printer(), Err(PrintError::NoPrinter));
        let several = labels.label_printer(stock("brother-62"));
        assert!(matches!(several, Err(PrintError::SeveralPrinters(names)) if names.len() == 2));
        clear(&labels);
    }
}
