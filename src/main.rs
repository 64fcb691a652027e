//! The program: hands the list of importers to the library and its exit code to the system.

/// Items are made on one thread and end on another, which is what this is good at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    exodus::cli::run(exodus_importers::ALL, std::env::args_os())
}
