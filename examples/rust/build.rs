//! Compiles rings.nn to an object and links it in. The numbers of its header become constants, so none is written twice.
//! NNC names the compiler where it is not in PATH.

use std::{env, fmt::Write, fs, path::Path, process::Command};

/// `#define RINGS_PARAMS_BYTES 1280` and `RINGS_WORK_PREDICT = 3` alike become `pub const ...: i64`.
fn constants(header: &str) -> String {
    let mut out = String::new();
    for line in header.lines().filter(|l| l.contains("RINGS_") && !l.contains("HPARAMS")) {
        let words: Vec<&str> = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|w| !w.is_empty()).collect();
        for pair in words.windows(2) {
            if let (true, Ok(value)) = (pair[0].starts_with("RINGS_"), pair[1].parse::<i64>()) {
                writeln!(out, "#[allow(dead_code, non_upper_case_globals)]\npub const {}: i64 = {};", &pair[0]["RINGS_".len()..], value).unwrap();
            }
        }
    }
    out
}

fn main() {
    let out = env::var("OUT_DIR").unwrap();
    let source = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap()).join("../rings/rings.nn");
    let compiler = env::var("NNC").unwrap_or_else(|_| "nnc".to_string());
    let object = format!("{out}/rings.o");
    let done = Command::new(&compiler).arg("compile").arg(&source).arg("-o").arg(&object).status();
    match done {
        Ok(status) if status.success() => {}
        Ok(status) => panic!("{compiler} failed: {status}"),
        Err(why) => panic!("{compiler} cannot be started ({why}): set NNC to the compiler"),
    }
    let header = fs::read_to_string(format!("{out}/rings.h")).unwrap();
    fs::write(format!("{out}/rings.rs"), constants(&header)).unwrap();
    println!("cargo:rustc-link-arg-bins={object}");
    println!("cargo:rerun-if-changed={}", source.display());
    println!("cargo:rerun-if-env-changed=NNC");
}
