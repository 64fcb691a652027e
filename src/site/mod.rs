//! A site of papers: plain HTML that works on the cheapest web space and from a disk, without scripts, and loads
//! nothing from elsewhere.
//!
//! [`paper`] is a paper with its citations, [`pages`] the templates; here it is decided what goes out. A file that is not
//! public never does, whatever the templates say.

pub mod pages;
pub mod paper;
pub mod settings;
pub mod zenodo;

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use self::paper::{Access, Paper};
use self::settings::SiteSettings;
use crate::archive::reader::Reader;
use crate::report::error::{Error, Kind, Result};
use crate::report::event::{Event, Observer};

/// What is asked for.
pub struct Request<'a> {
    /// The archive.
    pub archive: &'a Path,
    /// The folder of the site.
    pub out: &'a Path,
    /// Templates of the user's own, which take the place of those that have the same name.
    pub templates: Option<&'a Path>,
    /// What the site is called and where it will be.
    pub settings: &'a SiteSettings,
    /// Where drafts for Zenodo are written, if they are wanted.
    pub zenodo: Option<&'a Path>,
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Papers that have a page.
    pub papers: u64,
    /// Papers whose file everybody can read there.
    pub public: u64,
    /// Papers whose file is given to who asks.
    pub on_request: u64,
    /// Papers whose file stays at home.
    pub private: u64,
    /// Files written; the others were there as they are.
    pub written: u64,
    /// Drafts for Zenodo.
    pub drafts: u64,
    /// Files removed: they were ours and are wanted no more.
    pub removed: u64,
}

/// Lists what the site consists of: the only files that a later run removes.
const LIST: &str = ".exodus-site.txt";

/// Makes the site of an archive's papers.
///
/// # Errors
/// When the archive has no papers, a template is wrong, or something cannot be written.
pub fn papers(request: &Request, observer: &dyn Observer, stop: &AtomicBool) -> Result<Outcome> {
    let papers = all(request.archive)?;
    if papers.is_empty() {
        return Err(Error::new(Kind::Usage, "the archive has no papers")
            .hint("import them first: `exodus import PART...`"));
    }
    observer.event(Event::Begin { stage: "site", total_bytes: 0, total_items: papers.len() as u64 });
    let pages = pages::Pages::new(request.templates)?;
    let mut outcome = Outcome { papers: papers.len() as u64, ..Outcome::default() };
    let mut ours = BTreeSet::new();
    let mut write = |path: &str, bytes: &[u8], outcome: &mut Outcome| {
        ours.insert(path.to_owned());
        written(&request.out.join(path), bytes).map(|is_new| outcome.written += u64::from(is_new))
    };
    for paper in &papers {
        if stop.load(Ordering::Relaxed) {
            return Err(Error::new(Kind::Interrupted, "stopped; run the same command to go on"));
        }
        match paper.access {
            // A work whose file nobody has can be given to nobody.
            _ if !paper.is_here => {}
            Access::Public => outcome.public += 1,
            Access::OnRequest => outcome.on_request += 1,
            Access::Private => outcome.private += 1,
        }
        // The one place where files leave the archive: see `all` for what has a name on the site.
        if let (Access::Public, Some(from), Some(name)) = (paper.access, &paper.path, &paper.file) {
            let from = request.archive.join(from);
            let bytes = fs::read(&from).map_err(|err| Error::io("read", &from, &err))?;
            write(&format!("papers/{name}"), &bytes, &mut outcome)?;
        }
        if !paper.bibtex.is_empty() {
            write(&format!("papers/{}.bib", paper.slug), paper.bibtex.as_bytes(), &mut outcome)?;
        }
        let page = pages.paper(paper, request.settings)?;
        write(&format!("papers/{}.html", paper.slug), page.as_bytes(), &mut outcome)?;
        observer.event(Event::Items(1));
    }
    for (name, text) in pages.others(&papers, request.settings)? {
        write(name, text.as_bytes(), &mut outcome)?;
    }
    if let Some(folder) = request.zenodo {
        outcome.drafts = zenodo::write(&papers, folder)?;
    }
    outcome.removed = clear(request.out, &ours)?;
    let list: String = ours.iter().map(|path| format!("{path}\n")).collect();
    written(&request.out.join(LIST), list.as_bytes())?;
    observer.event(Event::End { stage: "site" });
    Ok(outcome)
}

/// All papers, the newest first, each with a slug of its own and, if it is public, a file.
fn all(archive: &Path) -> Result<Vec<Paper>> {
    let rows = Reader::open(archive)?.papers()?;
    let of =
        |row: &crate::archive::tally::Paper| Paper::of(row.title.as_deref(), row.path.as_deref(), &row.facts);
    let mut papers: Vec<Paper> = rows.iter().map(of).filter(|paper| !paper.title.is_empty()).collect();
    papers.sort_by(|a, b| {
        b.date.cmp(&a.date).then_with(|| a.title.cmp(&b.title)).then_with(|| a.path.cmp(&b.path))
    });
    let mut taken = HashSet::new();
    for paper in &mut papers {
        let wanted = paper.wanted_slug();
        let names = (1..).map(|n| if n == 1 { wanted.clone() } else { format!("{wanted}-{n}") });
        paper.slug = names.into_iter().find(|name| taken.insert(name.clone())).unwrap_or(wanted);
        let file = paper.path.as_ref().filter(|_| paper.access == Access::Public);
        let file = file.filter(|path| archive.join(path).is_file());
        if let Some(path) = file {
            let extension = path.rsplit_once('.').map_or("pdf".to_owned(), |(_, it)| it.to_lowercase());
            paper.file_bytes = archive.join(path).metadata().map_or(0, |it| it.len());
            paper.file = Some(format!("{}.{extension}", paper.slug));
        }
    }
    Ok(papers)
}

/// Writes a file that a web server may read, unless it is there as it is; true if it was written.
fn written(path: &Path, bytes: &[u8]) -> Result<bool> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(false);
    }
    let failed = |err: std::io::Error| Error::io("write", path, &err);
    if let Some(above) = path.parent() {
        fs::create_dir_all(above).map_err(failed)?;
    }
    let temporary = PathBuf::from(format!("{}.part", path.display()));
    fs::write(&temporary, bytes).and_then(|()| fs::rename(&temporary, path)).map_err(failed)?;
    Ok(true)
}

/// Removes what an earlier run has written and this one has not: a paper that is private now.
fn clear(out: &Path, ours: &BTreeSet<String>) -> Result<u64> {
    let list = fs::read_to_string(out.join(LIST)).unwrap_or_default();
    let mut removed = 0;
    for path in list.lines().filter(|path| !ours.contains(*path)) {
        // The list is a file that anybody may have written to.
        let is_plain = path.split('/').all(|part| !part.is_empty() && part != ".." && part != ".");
        let file = out.join(path);
        if is_plain && file.is_file() {
            fs::remove_file(&file).map_err(|err| Error::io("remove", &file, &err))?;
            removed += 1;
        }
    }
    Ok(removed)
}
