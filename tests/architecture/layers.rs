//! The allowed edges between modules; everything else is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::source::Source;
use super::{files, repository};

/// Each part and the parts it may name. A part is the longest entry that a module path begins with.
const ALLOWED: &[(&str, &[&str])] = &[
    // Core
    ("secret", &[]),
    ("id", &[]),
    ("blob", &[]),
    ("language", &[]),
    ("script", &[]),
    ("identity", &["blob", "id"]),
    ("worker", &["secret"]),
    ("manifest", &["blob", "id", "identity", "secret", "worker"]),
    ("transcript", &["id", "manifest"]),
    ("plan", &["id", "language", "manifest", "script"]),
    ("key", &["blob", "id", "identity", "secret", "worker"]),
    ("creation_options", &["blob", "id", "key", "plan"]),
    ("audit", &["id", "key", "manifest", "transcript"]),
    // Station
    ("pin", &["plan", "secret"]),
    (
        "paper",
        &["id", "language", "manifest", "plan", "script", "secret"],
    ),
    ("ioctl", &[]),
    ("printer", &["ioctl", "paper", "secret", "worker"]),
    ("media", &["id"]),
    ("vault", &["blob", "manifest", "secret", "worker"]),
    ("ceremony::event", &["id"]),
    ("ceremony::team", &[]),
    ("ceremony::job", &["id", "manifest"]),
    (
        "ceremony::effect",
        &["ceremony::event", "ceremony::team", "id", "transcript"],
    ),
    ("ceremony::slips", &["id"]),
    ("ceremony::resume", &["ceremony::job", "manifest", "transcript"]),
    (
        "ceremony::state",
        &[
            "ceremony::effect",
            "ceremony::event",
            "ceremony::job",
            "ceremony::resume",
            "ceremony::slips",
            "ceremony::team",
            "id",
            "manifest",
            "transcript",
        ],
    ),
    (
        "console",
        &[
            "ceremony::effect",
            "ceremony::event",
            "ceremony::team",
            "manifest",
            "secret",
            "transcript",
        ],
    ),
    (
        "ceremony",
        &[
            "audit",
            "blob",
            "ceremony::effect",
            "ceremony::event",
            "ceremony::job",
            "ceremony::resume",
            "ceremony::slips",
            "ceremony::state",
            "ceremony::team",
            "console",
            "creation_options",
            "id",
            "key",
            "manifest",
            "media",
            "paper",
            "pin",
            "plan",
            "printer",
            "secret",
            "transcript",
            "vault",
            "worker",
        ],
    ),
    (
        "appliance",
        &[
            "ceremony",
            "console",
            "ioctl",
            "key",
            "manifest",
            "media",
            "paper",
            "pin",
            "plan",
            "printer",
            "secret",
            "transcript",
            "vault",
            "worker",
        ],
    ),
    // Companion
    ("graph", &["id", "secret"]),
    ("journal", &[]),
    ("inventory", &["blob", "id", "identity", "manifest", "secret"]),
    ("report", &["id", "inventory", "paper", "printer"]),
    (
        "registration",
        &[
            "creation_options",
            "graph",
            "id",
            "inventory",
            "journal",
            "key",
            "manifest",
            "plan",
            "secret",
            "tenant",
            "transcript",
            "worker",
        ],
    ),
    ("tenant", &["graph", "id", "inventory", "journal", "secret"]),
    // A drill asks the key as a registration does.
    (
        "tenant::drill",
        &[
            "graph",
            "id",
            "identity",
            "inventory",
            "key",
            "manifest",
            "registration",
            "secret",
            "tenant",
        ],
    ),
    ("sandbox", &["id", "secret"]),
    // Command line
    ("cli::plan", &["cli", "language", "manifest", "plan"]),
    ("cli::worker", &["key", "manifest", "printer", "vault", "worker"]),
    (
        "cli::station::form",
        &["cli", "language", "paper", "plan", "printer"],
    ),
    (
        "cli::station",
        &[
            "appliance",
            "cli",
            "cli::station::form",
            "console",
            "media",
            "plan",
            "worker",
        ],
    ),
    ("cli::sandbox", &["cli", "id", "sandbox"]),
    ("cli::input", &["manifest", "secret"]),
    (
        "cli::verify",
        &[
            "audit",
            "cli",
            "cli::input",
            "id",
            "manifest",
            "secret",
            "transcript",
        ],
    ),
    (
        "cli::companion",
        &[
            "cli",
            "cli::input",
            "creation_options",
            "graph",
            "id",
            "inventory",
            "key",
            "manifest",
            "plan",
            "registration",
            "report",
            "secret",
            "tenant",
            "tenant::drill",
            "transcript",
            "worker",
        ],
    ),
    ("cli", &["appliance"]),
    // The root declares modules and names none; `main` calls the library.
    ("", &[]),
];

/// Edges that are wrong today, each with the reason why it is there.
const EXCEPTIONS: &[(&str, &str, &str)] = &[];

/// Parts of the online mode.
const COMPANION: [&str; 10] = [
    "cli::companion",
    "cli::sandbox",
    "graph",
    "inventory",
    "journal",
    "registration",
    "report",
    "sandbox",
    "tenant",
    "tenant::drill",
];

/// What only some modules may name of other crates: prefix, and who may.
const FOREIGN: &[(&str, &str, &[&str])] = &[
    ("std", "net", &["graph", "sandbox", "cli::sandbox"]),
    ("std", "os::unix::net", &["graph", "sandbox"]),
    // The self-test asks the kernel for sockets, to see them refused.
    ("rustix", "net", &["appliance::airgap"]),
    ("ureq", "", &["graph"]),
    ("axum", "", &["sandbox"]),
    ("tokio", "", &["sandbox"]),
    ("webauthn_rs_core", "", &["sandbox"]),
    ("linux_keyutils", "", &["graph::auth::keyring"]),
    ("csv", "", &["cli::companion::inventory", "plan::rows"]),
    ("rusqlite", "", &["inventory::store"]),
    ("postgres", "", &["inventory::store", "inventory::tls"]),
    ("rustls", "", &["inventory::tls"]),
    ("hidapi", "", &["key"]),
    ("ctap_hid_fido2", "", &["key"]),
    ("printpdf", "", &["printer"]),
    ("ab_glyph", "", &["printer::raster"]),
    ("age", "", &["manifest::seal", "vault::child"]),
    ("ratatui_core", "", &["console::screen"]),
    ("font8x8", "", &["console::screen"]),
];

/// What the state machine may not touch of the system.
const IMPURE: [&str; 6] = ["fs", "io", "net", "os", "process", "thread"];
const PURE: [&str; 7] = [
    "ceremony::effect",
    "ceremony::event",
    "ceremony::job",
    "ceremony::resume",
    "ceremony::slips",
    "ceremony::state",
    "ceremony::team",
];

fn begins(path: &str, with: &str) -> bool {
    with.is_empty() || path == with || path.strip_prefix(with).is_some_and(|rest| rest.starts_with("::"))
}

/// The part that a module path belongs to.
fn part(path: &str) -> Option<&'static str> {
    let candidates = ALLOWED.iter().map(|(part, _)| *part);
    let best = candidates
        .filter(|part| begins(path, part))
        .max_by_key(|part| part.len())?;
    (!best.is_empty() || path.is_empty() || path == "main").then_some(best)
}

/// What is wrong with the paths that a file names.
fn complaints(source: &Source) -> Vec<String> {
    let module = &source.module;
    let Some(from) = part(module) else {
        return vec![format!("{module} belongs to no part of the table")];
    };
    let allowed = ALLOWED.iter().find(|(part, _)| *part == from).unwrap().1;
    let excepted = |to: &str| {
        EXCEPTIONS
            .iter()
            .any(|(file, part, _)| module == file && to == *part)
    };
    let mut wrong = Vec::new();
    for path in source.own_paths() {
        match part(&path) {
            Some(to) if to == from || allowed.contains(&to) || excepted(to) => {}
            _ => wrong.push(format!("{module} names {path}")),
        }
    }
    for (root, prefix, allowed) in FOREIGN {
        let named = source
            .paths_from(root)
            .into_iter()
            .filter(|path| begins(path, prefix));
        if !allowed.iter().any(|part| begins(module, part)) {
            wrong.extend(named.map(|path| format!("{module} names {root}::{path}")));
        }
    }
    if PURE.contains(&from) {
        let named = source.paths_from("std").into_iter();
        let named = named.filter(|path| IMPURE.iter().any(|impure| begins(path, impure)));
        wrong.extend(named.map(|path| format!("{module} names std::{path}")));
    }
    wrong
}

fn sources() -> Vec<Source> {
    let root = repository("src");
    let mut paths = Vec::new();
    files(&root, &mut paths);
    let mut texts = BTreeMap::new();
    for path in paths
        .iter()
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
    {
        let relative = path.strip_prefix(&root).unwrap().with_extension("");
        let module = relative.to_str().unwrap().replace('/', "::");
        let module = if module == "lib" { String::new() } else { module };
        texts.insert(module, fs::read_to_string(path).unwrap());
    }
    let test_only: BTreeSet<String> = texts
        .iter()
        .flat_map(|(module, text)| Source::test_modules(module, text))
        .collect();
    // Declared with a path, which `test_modules` does not follow.
    let named_by_path = |module: &str| module.ends_with("_tests");
    texts
        .iter()
        .filter(|(module, _)| !test_only.iter().any(|test| begins(module, test)) && !named_by_path(module))
        .map(|(module, text)| Source::new(module, text))
        .collect()
}

#[test]
fn every_module_names_only_what_it_may() {
    let sources = sources();
    assert!(sources.len() > 60, "only {} files were read", sources.len());
    let edges: usize = sources.iter().map(|source| source.own_paths().len()).sum();
    assert!(edges > 300, "only {edges} paths were found");
    let wrong: Vec<String> = sources.iter().flat_map(complaints).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_exception_is_still_needed() {
    let sources = sources();
    for (module, to, reason) in EXCEPTIONS {
        let source = sources.iter().find(|source| source.module == *module).unwrap();
        let named = source.own_paths().iter().any(|path| part(path) == Some(to));
        assert!(
            named,
            "{module} does not name {to} any more: take it off the list ({reason})"
        );
    }
}

/// All parts that a part reaches over allowed edges.
fn reached(from: &'static str) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    let mut open = vec![from];
    while let Some(part) = open.pop() {
        let (_, named) = ALLOWED.iter().find(|(name, _)| *name == part).unwrap();
        open.extend(named.iter().filter(|part| found.insert(**part)));
    }
    found
}

#[test]
fn the_table_has_no_circle_and_no_way_from_station_to_network() {
    for (name, _) in ALLOWED {
        let reached = reached(name);
        assert!(!reached.contains(name), "{name} reaches itself");
        if !COMPANION.contains(name) {
            for companion in COMPANION {
                assert!(!reached.contains(companion), "{name} reaches {companion}");
            }
        }
    }
    assert!(!reached("paper").contains("key"));
    for pure in PURE {
        for device in ["key", "printer", "paper", "media", "console", "pin"] {
            assert!(!reached(pure).contains(device), "{pure} reaches {device}");
        }
    }
}

#[test]
fn forbidden_lines_are_noticed() {
    let cases = [
        ("paper::slip", "use crate::key::KeyInfo;"),
        ("ceremony::state", "use crate::key::KeyBus;"),
        (
            "ceremony::state",
            "use crate::{id::LabelId, printer::{self, Printer}};",
        ),
        ("ceremony::state", "use super::driver::Driver;"),
        ("ceremony::state", "use super::super::media::Stick;"),
        ("ceremony::event", "fn seen(_: &crate::paper::Document) {}"),
        ("ceremony::effect", "use std::fs;"),
        ("ceremony::slips", "fn now() { std::thread::yield_now() }"),
        ("appliance", "use crate::graph::Client;"),
        ("key::hid", "    let _ = crate::registration::tap::run();"),
        (
            "printer",
            "use crate::{\n    sandbox::Tenant,\n    secret::Pin,\n};",
        ),
        ("printer::sink", "use std::net::TcpStream;"),
        ("media", "use std::{fs, net::TcpListener};"),
        ("key::hid", "use std::os::unix::{fs, net as sockets};"),
        ("worker", "let _ = std::os::unix::net::UnixStream::pair();"),
        ("appliance::setup", "use rustix::net;"),
        ("registration::tap", "use ureq::Agent;"),
        ("manifest::sign", "use crate::key::IdentityCredential;"),
        (
            "id",
            "#[cfg(test)]\nmod tests {\n    const A: &str = \"}\";\n}\nuse crate::secret::Pin;",
        ),
        ("foreign", "use std::fmt;"),
    ];
    for (module, text) in cases {
        assert!(
            !complaints(&Source::new(module, text)).is_empty(),
            "{module}: {text}"
        );
    }
}

#[test]
fn allowed_lines_are_not() {
    let cases = [
        (
            "ceremony::driver",
            "use super::state::{Ceremony, Job};\nuse crate::key::KeyBus;",
        ),
        (
            "ceremony::state",
            "// use crate::key::KeyBus;\n//! [`crate::printer`]",
        ),
        (
            "paper",
            "#[cfg(test)]\nmod tests {\n    use crate::key::KeyInfo;\n}",
        ),
        (
            "key",
            "#[cfg(test)]\nuse crate::paper::Page;\nuse crate::id::Aaguid;",
        ),
        (
            "graph::client",
            "use std::net::TcpStream;\nuse ureq::{Agent, Body as Content};",
        ),
        (
            "id",
            "let x = \"https://crate.example/\"; std::fmt::Write::write_str(f, \"a\");",
        ),
        (
            "sandbox",
            "let list = std::net::SocketAddr::from(([127, 0, 0, 1], 0));",
        ),
    ];
    for (module, text) in cases {
        assert_eq!(
            complaints(&Source::new(module, text)),
            [""; 0],
            "{module}: {text}"
        );
    }
}

#[test]
fn test_only_files_are_left_out() {
    let text = "#[cfg(test)]\nmod tests;\n#[cfg(test)]\npub(crate) mod fixtures;\nmod real;";
    assert_eq!(
        Source::test_modules("key::channel", text),
        ["key::channel::tests", "key::channel::fixtures"]
    );
}
