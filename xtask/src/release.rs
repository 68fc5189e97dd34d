//! The functions in the release profile, each with its own features, and their sizes.

use std::path::Path;

use crate::{
    deploy_test::of_all_functions,
    process,
    report::Verdict,
    verify::{Context, built_program, tail},
    workspace::{cargo, command},
};

/// What a zipped function may weigh, in MB. The target of docs/performance.md is 4.00, and `cargo xtask
/// bench functions` measures it; this is where a mistake shows, such as a dependency that slipped in.
const MAX_ZIPPED: f64 = 4.5;

/// A step of `verify`.
pub(crate) fn verify(context: &Context) -> Result<Verdict, String> {
    let build = cargo("build --release --bins --message-format json-render-diagnostics");
    let finished = process::run(&mut of_all_functions(build)?)?;
    let log = context.keep_log("release", &finished);
    if !finished.is_success {
        return Err(format!("the release cannot be built\n{}\n({log})", tail(finished.errors())));
    }
    let mut sizes = Vec::new();
    for (name, program) in finished.out().filter_map(built_program) {
        sizes.push((zipped(&program)?, name));
    }
    verdict(sizes)
}

/// The largest first.
fn verdict(mut sizes: Vec<(f64, String)>) -> Result<Verdict, String> {
    sizes.sort_by(|left, right| right.0.total_cmp(&left.0));
    let Some((largest, name)) = sizes.first() else {
        return Err("no function was built".to_owned());
    };
    let note = format!("the largest is {name}, {largest:.2} MB zipped");
    let lines: Vec<_> =
        sizes.iter().map(|(size, name)| format!("{size:>6.2} MB zipped  {name}")).collect();
    if *largest > MAX_ZIPPED {
        return Err(format!("{note}; {MAX_ZIPPED} is the limit\n{}", lines.join("\n")));
    }
    Ok(Verdict::passed().with_note(note).with_details(lines.join("\n")))
}

/// In MB, by the algorithm of zip files.
fn zipped(program: &Path) -> Result<f64, String> {
    let output = command("gzip").args(["-9", "--stdout"]).arg(program).output();
    let output = output.map_err(|error| format!("gzip cannot be run: {error}"))?;
    if !output.status.success() {
        return Err(format!("gzip cannot read {}", program.display()));
    }
    Ok(output.stdout.len() as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::verdict;

    #[test]
    fn a_function_that_weighs_too_much_fails() {
        let sizes = |system: f64| vec![(3.1, "keys".to_owned()), (system, "system".to_owned())];
        let passed = verdict(sizes(3.87)).unwrap();
        assert_eq!(passed.note, "the largest is system, 3.87 MB zipped");
        assert!(verdict(sizes(4.6)).is_err_and(|reason| reason.contains("4.60 MB zipped  system")));
        assert!(verdict(Vec::new()).is_err());
    }
}
