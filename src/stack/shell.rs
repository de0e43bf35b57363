//! Command lines that need a shell.

/// Returns a command line that runs a script by `/bin/sh` with folders before and after the image's own search path.
pub(super) fn shell(before: &[&str], after: &[&str], script: &str) -> Vec<String> {
    let quoted =
        |folder: &&str| shlex::try_quote(folder).map_or_else(|_| (*folder).to_owned(), |word| word.into_owned());
    let before: String = before.iter().map(quoted).map(|folder| folder + ":").collect();
    let after: String = after.iter().map(quoted).map(|folder| format!(":{folder}")).collect();
    vec!["/bin/sh".into(), "-c".into(), format!("export PATH={before}\"$PATH\"{after}\n{script}")]
}
