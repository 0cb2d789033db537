//! `glasskey verify image`: digests, words, the list, and what each refusal looks like.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// SHA-256 of "abc" (FIPS 180-4).
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("glasskey.img"), "abc").unwrap();
    fs::write(folder.path().join("glasskey.efi"), "").unwrap();
    fs::write(
        folder.path().join("SHA256SUMS"),
        format!("{ABC}  glasskey.img\n{EMPTY} *glasskey.efi\n"),
    )
    .unwrap();
    folder
}

fn image(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_glasskey"))
        .args(["verify", "image"])
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert!(!text.contains("panicked"), "{text}");
    (output.status.code().unwrap(), text)
}

fn words(folder: &Path, file: &str) -> String {
    let (code, text) = image(folder, &[file, "--json"]);
    assert_eq!(code, 0, "{text}");
    let json: Value = serde_json::from_str(&text).unwrap();
    json["files"][0]["words"].as_str().unwrap().to_owned()
}

/// What a file's text or JSON is, so that a change is reviewed like code.
fn reviewed(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/verify/{name}.txt"));
    if std::env::var_os("GLASSKEY_ACCEPT").is_some() {
        fs::write(&path, text).unwrap();
    }
    let wanted = fs::read_to_string(&path).unwrap();
    assert_eq!(
        text, wanted,
        "{name}: run with GLASSKEY_ACCEPT=1 and review the difference"
    );
}

#[test]
fn output_is_the_reviewed_one() {
    let folder = folder();
    fs::write(folder.path().join("other.efi"), "x").unwrap();
    let all = ["glasskey.img", "glasskey.efi", "other.efi"];
    let (code, text) = image(folder.path(), &all);
    assert_eq!(code, 0, "{text}");
    reviewed("image-words", &text);
    let (code, text) = image(folder.path(), &[&all[..], &["--sums", "SHA256SUMS"]].concat());
    assert_eq!(code, 47, "{text}");
    reviewed("image-sums", &text);
    let (code, text) = image(
        folder.path(),
        &[&all[..], &["--sums", "SHA256SUMS", "--json"]].concat(),
    );
    assert_eq!(code, 47, "{text}");
    reviewed("image-json", &text.replace(env!("CARGO_PKG_VERSION"), "VERSION"));
}

#[test]
fn files_of_the_list_hold_and_one_changed_byte_is_refused() {
    let folder = folder();
    let asked = ["glasskey.img", "glasskey.efi", "--sums", "SHA256SUMS"];
    assert_eq!(image(folder.path(), &asked).0, 0);
    fs::write(folder.path().join("glasskey.efi"), "\0").unwrap();
    let (code, text) = image(folder.path(), &asked);
    assert_eq!(code, 47);
    assert!(text.contains(&format!("FAIL     expected {EMPTY}")), "{text}");
}

#[test]
fn words_and_digits_that_were_heard_are_compared() {
    let folder = folder();
    let (own, other) = (
        words(folder.path(), "glasskey.img"),
        words(folder.path(), "glasskey.efi"),
    );
    for (heard, code) in [
        (own.as_str(), 0),
        (ABC, 0),
        (other.as_str(), 47),
        (EMPTY, 47),
        ("abandon", 2),
    ] {
        let (found, text) = image(folder.path(), &["glasskey.img", "--heard", heard]);
        assert_eq!(found, code, "{heard}: {text}");
    }
}

#[test]
fn a_stick_is_compared_as_far_as_the_image_goes() {
    let folder = folder();
    fs::write(folder.path().join("sdx"), "abc and what was on the stick before").unwrap();
    let stick = |bytes| {
        let list = ["sdx", "--sums", "SHA256SUMS", "--name", "glasskey.img"];
        image(folder.path(), &[&list[..], &["--bytes", bytes]].concat()).0
    };
    assert_eq!(
        (stick("3"), stick("4"), stick("1000"), stick("0")),
        (0, 47, 40, 2)
    );
    // Without its name in the list, and as a whole, it is another file.
    assert_eq!(image(folder.path(), &["sdx", "--sums", "SHA256SUMS"]).0, 47);
}

#[test]
fn what_cannot_be_read_is_told() {
    let folder = folder();
    assert_eq!(image(folder.path(), &[]).0, 2);
    assert_eq!(
        image(folder.path(), &["glasskey.img", "glasskey.efi", "--heard", ABC]).0,
        2
    );
    assert_eq!(image(folder.path(), &["none.img"]).0, 40);
    assert_eq!(image(folder.path(), &["glasskey.img", "--sums", "none"]).0, 40);
    for broken in [
        "",
        "abc  glasskey.img\n",
        &format!("{ABC} glasskey.img\n"),
        &format!("{ABC}  a\n{EMPTY}  a\n"),
        "é".repeat(70).as_str(),
    ] {
        fs::write(folder.path().join("SHA256SUMS"), broken).unwrap();
        let (code, text) = image(folder.path(), &["glasskey.img", "--sums", "SHA256SUMS"]);
        assert_eq!(code, 40, "{broken:?}: {text}");
        assert!(text.contains("hint: "), "{text}");
    }
}
