//! The program: hands the list of importers to the library and its exit code to the system.

// Items are made on one thread and end on another, where the allocator of glibc lets threads wait for one another: posts, photos and
// messages take a tenth less processor time with this one. It costs 20 MiB of memory on a large mailbox (`benches/README.md`).
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    exodus::cli::run(exodus_importers::ALL, std::env::args_os())
}
