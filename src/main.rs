//! Arguments in, exit code out.

fn main() -> std::process::ExitCode {
    xpost::cli::main()
}
