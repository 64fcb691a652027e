//! `exodus export`: copies of what is in the archive, for other programs.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::output::{clean, counted, number};
use super::progress::{Progress, Telling};
use super::{Common, Context};
use crate::copies::photos;
use crate::copies::posts::{self, Choice, json_feed, markdown, pixelfed};
use crate::report::error::Result;

/// Copy out of the archive, for other programs
#[derive(Debug, Args)]
pub struct ExportCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Photos(PhotosArgs),
    Markdown(MarkdownArgs),
    Jsonfeed(JsonfeedArgs),
    Pixelfed(PixelfedArgs),
}

/// Copy all photos and videos into a folder, by month; the archive is not changed
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  exodus export photos ~/Pictures --write-exif")]
struct PhotosArgs {
    /// The folder; what is in it already is left alone
    #[arg(value_name = "DIR")]
    to: PathBuf,
    /// Write date and place into the copies of JPEG, PNG, WebP and HEIC that have none of their own
    #[arg(long)]
    write_exif: bool,
    #[command(flatten)]
    common: Common,
}

/// Copy posts into a folder as Markdown with their pictures, for Hugo, Zola, Eleventy and the like
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  exodus export markdown ~/site/content/posts")]
struct MarkdownArgs {
    /// The folder; what is there and differs is replaced, nothing is removed
    #[arg(value_name = "DIR")]
    to: PathBuf,
    #[command(flatten)]
    posts: PostsArgs,
    #[command(flatten)]
    common: Common,
}

/// Write posts as a JSON Feed, with their pictures beside it
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  exodus export jsonfeed ~/site/posts --base-url https://ada.example.org/posts"
)]
struct JsonfeedArgs {
    /// The folder; the feed is `feed.json` in it
    #[arg(value_name = "DIR")]
    to: PathBuf,
    /// The address at which the folder will be; without it addresses are relative to the feed
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// The feed's title
    #[arg(long, value_name = "TEXT", default_value = "Posts")]
    title: String,
    #[command(flatten)]
    posts: PostsArgs,
    #[command(flatten)]
    common: Common,
}

/// Write posts with pictures into zips that Pixelfed imports (Settings, Import), a hundred posts each
///
/// What Pixelfed takes is known from its documents and its code; no server was asked.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  exodus export pixelfed posts.zip")]
struct PixelfedArgs {
    /// The zip; with more than a hundred posts `OUT-1.zip`, `OUT-2.zip` …
    #[arg(value_name = "OUT.zip")]
    to: PathBuf,
    #[command(flatten)]
    posts: PostsArgs,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct PostsArgs {
    /// Only posts of one platform
    #[arg(long, value_name = "NAME")]
    platform: Option<String>,
    /// Also drafts, archived and deleted posts
    #[arg(long)]
    drafts: bool,
}

/// Runs the command.
pub fn run(args: &ExportCommand, context: &Context) -> Result<()> {
    match &args.what {
        What::Photos(args) => run_photos(args, context),
        What::Markdown(args) => run_markdown(args, context),
        What::Jsonfeed(args) => run_jsonfeed(args, context),
        What::Pixelfed(args) => run_pixelfed(args, context),
    }
}

fn progress(common: &Common, context: &Context) -> Progress {
    Progress::new(&context.output, Telling::of(common.json, common.quiet), common.quiet)
}

fn chosen(args: &PostsArgs, common: &Common) -> Result<Vec<posts::Post>> {
    let choice = Choice { platform: args.platform.clone(), with_drafts: args.drafts };
    posts::chosen(&common.archive, &choice)
}

fn run_markdown(args: &MarkdownArgs, context: &Context) -> Result<()> {
    let posts = chosen(&args.posts, &args.common)?;
    let progress = progress(&args.common, context);
    let done = markdown::copy(&args.common.archive, &posts, &args.to, &progress, &context.stop)?;
    tell_copied(&done, (&args.common, &args.to), context);
    Ok(())
}

fn tell_copied(done: &markdown::Outcome, (common, to): (&Common, &PathBuf), context: &Context) {
    let output = &context.output;
    if common.json {
        let summary =
            json!({"event": "summary", "posts": done.posts, "media": done.media, "written": done.written});
        return output.json(&summary);
    }
    let (posts, media) = (counted(done.posts, "post"), counted(done.media, "picture or video"));
    let to = clean(&to.display().to_string());
    output.line(&format!("{posts} with {media} in {to}, {} written now", counted(done.written, "file")));
}

fn run_jsonfeed(args: &JsonfeedArgs, context: &Context) -> Result<()> {
    let posts = chosen(&args.posts, &args.common)?;
    let progress = progress(&args.common, context);
    let done = markdown::copy(&args.common.archive, &posts, &args.to, &progress, &context.stop)?;
    let base = args.base_url.as_deref();
    json_feed::write(&args.common.archive, &posts, &args.to, &args.title, base)?;
    tell_copied(&done, (&args.common, &args.to), context);
    Ok(())
}

fn run_pixelfed(args: &PixelfedArgs, context: &Context) -> Result<()> {
    let posts = chosen(&args.posts, &args.common)?;
    let progress = progress(&args.common, context);
    let done = pixelfed::write(&args.common.archive, &posts, &args.to, &progress, &context.stop)?;
    let output = &context.output;
    if args.common.json {
        let left_out = done.left_out.iter().map(|(path, why)| json!({"path": path, "why": why}));
        output.json(&json!({
            "event": "summary", "posts": done.posts, "media": done.media, "converted": done.converted,
            "zips": done.zips, "left_out": left_out.collect::<Vec<_>>(),
        }));
        return Ok(());
    }
    let (posts, media) = (counted(done.posts, "post"), counted(done.media, "picture or video"));
    output.line(&format!("{posts} with {media}, {} made JPEG", number(done.converted)));
    for (path, why) in &done.left_out {
        output.line(&format!("left out: {}: {why}", clean(path)));
    }
    for zip in &done.zips {
        output.line(&format!("import this: {}", clean(&zip.display().to_string())));
    }
    Ok(())
}

fn run_photos(args: &PhotosArgs, context: &Context) -> Result<()> {
    let output = &context.output;
    let progress = progress(&args.common, context);
    let done = photos::copy(&args.common.archive, &args.to, args.write_exif, &progress, &context.stop)?;
    if args.common.json {
        let as_they_are = done.as_they_are.iter().map(|(path, why)| json!({"path": path, "why": why}));
        output.json(&json!({
            "event": "summary", "copied": done.copied, "filled_in": done.filled_in, "there": done.there,
            "as_they_are": as_they_are.collect::<Vec<_>>(),
        }));
        return Ok(());
    }
    let to = clean(&args.to.display().to_string());
    output.line(&format!(
        "{} copied to {to}, {} there already",
        counted(done.copied, "file"),
        number(done.there)
    ));
    if args.write_exif {
        output.line(&format!("{} got a date or a place that they lacked", counted(done.filled_in, "file")));
    }
    for (path, why) in &done.as_they_are {
        output.line(&format!("copied as it is: {}: {why}", clean(path)));
    }
    Ok(())
}
