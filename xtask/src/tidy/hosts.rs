//! Packages are named, never the host that serves them: whoever builds this may use a mirror.

use super::{Finding, tree::Tree};

const HOSTS: [&str; 9] = [
    concat!("index.crates", ".io"),
    concat!("static.crates", ".io"),
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
    concat!("registry.npmjs", ".org"),
    concat!("proxy.golang", ".org"),
    concat!("deb.debian", ".org"),
    concat!("repo1.maven", ".org"),
    concat!("repo.maven.apache", ".org"),
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    // Cargo writes its lock files itself, with the name that its index has everywhere.
    for file in tree
        .files
        .iter()
        .filter(|file| !file.path.ends_with("Cargo.lock"))
    {
        for (number, line) in file.lines() {
            if let Some(host) = HOSTS.iter().find(|host| line.contains(**host)) {
                findings.push(Finding::at(
                    &file.path,
                    number,
                    format!("names the package host {host}"),
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_host_is_found() {
        let line = concat!("pip install --index-url https://pypi", ".org/simple x\n");
        assert_eq!(check(&Tree::of(&[(".ci/install", line)])).len(), 1);
        assert_eq!(
            check(&Tree::of(&[
                (".ci/install", "pip install x\n"),
                ("Cargo.lock", line)
            ]))
            .len(),
            0
        );
    }
}
