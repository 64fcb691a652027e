//! `exodus completions` and `exodus man`: what a package brings along, made from the tree of commands itself.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use clap_complete::Shell;
use clap_mangen::Man;

use super::Context;
use crate::report::error::{Error, Kind, Result};

/// Write what a shell needs to complete commands and options
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  exodus completions bash > ~/.local/share/bash-completion/completions/exodus\n  exodus completions zsh > ~/.zfunc/_exodus     (a folder of your $fpath)\n  exodus completions fish > ~/.config/fish/completions/exodus.fish"
)]
pub struct CompletionsArgs {
    /// Your shell
    #[arg(value_name = "SHELL")]
    shell: For,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum For {
    /// GNU bash
    Bash,
    /// Z shell
    Zsh,
    /// fish
    Fish,
}

/// Write the manual: a page for every command, or the first page to stdout
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  exodus man ~/.local/share/man/man1\n  exodus man > exodus.1     (the first page alone)"
)]
pub struct ManArgs {
    /// The folder for the pages, made if it is not there
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// Runs `completions`.
pub fn completions(args: &CompletionsArgs, context: &Context) -> Result<()> {
    let shell = match args.shell {
        For::Bash => Shell::Bash,
        For::Zsh => Shell::Zsh,
        For::Fish => Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut super::command(context.importers), "exodus", &mut script);
    context.output.raw(&script);
    Ok(())
}

/// Runs `man`.
pub fn man(args: &ManArgs, context: &Context) -> Result<()> {
    let mut tree = super::command(context.importers).disable_help_subcommand(true);
    tree.build();
    let Some(folder) = &args.folder else {
        context.output.raw(&page(tree).map_err(|err| cannot_write(Path::new("-"), &err))?.1);
        return Ok(());
    };
    std::fs::create_dir_all(folder).map_err(|err| cannot_write(folder, &err))?;
    let n_pages = pages(tree, folder)?;
    context.output.line(&format!("{n_pages} pages in {}: man exodus", folder.display()));
    Ok(())
}

/// Writes the page of a command and of all below it; how many.
fn pages(command: clap::Command, folder: &Path) -> Result<u64> {
    let mut n_pages = 1;
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        n_pages += pages(below.clone(), folder)?;
    }
    let (name, text) = page(command).map_err(|err| cannot_write(folder, &err))?;
    let path = folder.join(name);
    std::fs::write(&path, text).map_err(|err| cannot_write(&path, &err))?;
    Ok(n_pages)
}

/// A page: its file name and its text.
fn page(command: clap::Command) -> std::io::Result<(String, Vec<u8>)> {
    let version = format!("exodus {}", env!("CARGO_PKG_VERSION"));
    let page = Man::new(command).source(version).manual("exodus");
    let mut text = Vec::new();
    page.render(&mut text)?;
    Ok((page.get_filename(), text))
}

fn cannot_write(path: &Path, err: &std::io::Error) -> Error {
    let what = format!("cannot write `{}`: {err}", path.display());
    Error::new(Kind::Usage, what).hint("name a folder that is yours")
}
