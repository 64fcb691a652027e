//! The program: hands the list of importers to the library and its exit code to the system.

fn main() -> std::process::ExitCode {
    exodus::cli::run(exodus_importers::ALL, std::env::args_os())
}
