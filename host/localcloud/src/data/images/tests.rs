//! Real builds, without network: steps run, layers are reused, failures show their log.

use std::path::Path;

use super::*;

/// A store with its own directory.
pub(crate) struct Workshop {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) images: Images,
    pub(crate) processes: Processes,
}

/// Files of a build context: path, content, executable.
pub(crate) type Files<'a> = &'a [(&'a str, &'a str)];

impl Workshop {
    pub(crate) async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let processes = Processes::open(directory.path().join("processes")).await.unwrap();
        let images = Images::open(directory.path().join("images"), processes.clone()).await.unwrap();
        Self { directory, images, processes }
    }

    /// Builds and returns the log as well.
    pub(crate) async fn build(&self, files: Files<'_>) -> (Result<ImageManifest, ImageError>, Vec<String>) {
        let source = self.directory.path().join("source.tar.gz");
        archive(&source, files);
        let (log, mut lines) = tokio::sync::mpsc::unbounded_channel();
        let result = self
            .images
            .build(BuildRequest {
                source,
                context: String::new(),
                dockerfile: "Dockerfile".to_owned(),
                arguments: BTreeMap::from([("GREETING".to_owned(), "hello".to_owned())]),
                log,
            })
            .await;
        let mut seen = Vec::new();
        while let Ok(line) = lines.try_recv() {
            seen.push(line);
        }
        (result, seen)
    }
}

fn archive(path: &Path, files: Files<'_>) {
    let output =
        flate2::write::GzEncoder::new(std::fs::File::create(path).unwrap(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(output);
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(if name.ends_with(".sh") { 0o755 } else { 0o644 });
        tar.append_data(&mut header, name, content.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap();
}

fn cached(log: &[String]) -> usize {
    log.iter().filter(|line| line.contains("Using cache")).count()
}

const DOCKERFILE: &str = r#"ARG GREETING
FROM python:3-slim
ARG GREETING=unset
WORKDIR /app
COPY --chown=1:1 requirements.txt ./
RUN python -c "import sys; open('made.txt', 'w').write(sys.prefix)" && echo $GREETING from the step && mkdir -p "$HOME/.x"
COPY . .
ENV MODE=one
EXPOSE 8080
USER 1000
CMD ["python", "server.py"]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_built_once_and_its_layers_are_reused() {
    let workshop = Workshop::new().await;
    let files = |dockerfile: &'static str, server: &'static str| {
        vec![
            ("Dockerfile", dockerfile),
            ("requirements.txt", "nothing\n"),
            ("server.py", server),
            ("lib/a.py", "a"),
            ("secret.env", "no"),
            ("lib/b.pyc", "no"),
            (".dockerignore", "# comment\n*.env\n**/*.pyc\nDockerfile\n"),
        ]
    };
    let (first, log) = workshop.build(&files(DOCKERFILE, "1")).await;
    let first = first.unwrap();
    assert!(log.contains(&"hello from the step".to_owned()), "{log:#?}");
    assert!(log.contains(&"Step 2/11 : FROM python:3-slim".to_owned()), "{log:#?}");
    assert_eq!(cached(&log), 0);

    let app = first.root.join("app");
    let names = file::names_with_suffix(&app, "").unwrap();
    assert_eq!(names, [".dockerignore", "lib", "made.txt", "requirements.txt", "server.py"]);
    assert_eq!(file::names_with_suffix(&app.join("lib"), "").unwrap(), ["a.py"]);
    // The step ran in an environment of its own layer, and did not change it.
    let prefix = std::fs::read_to_string(app.join("made.txt")).unwrap();
    assert!(prefix.starts_with(workshop.images.directory.to_str().unwrap()), "{prefix}");
    assert!(first.root.join("root/.x").is_dir());
    assert!(first.python.join("bin/python").exists());
    assert_ne!(Path::new(&prefix), first.python);
    insta::assert_debug_snapshot!(first.config, @r##"
ImageConfig {
    environment: {
        "MODE": "one",
    },
    working_directory: "/app",
    entrypoint: [],
    command: [
        "python",
        "server.py",
    ],
    exposed_ports: [
        "8080",
    ],
    user: Some(
        "1000",
    ),
    labels: {},
    stop_signal: None,
}
"##);
    assert_eq!(workshop.processes.names().unwrap(), Vec::<String>::new());

    // The same again: the same image, and no step runs.
    let (again, log) = workshop.build(&files(DOCKERFILE, "1")).await;
    assert_eq!(again.unwrap(), first);
    assert_eq!(cached(&log), 5, "{log:#?}");
    assert!(!log.contains(&"hello from the step".to_owned()));

    // Other content after the step: only the last layer is new. Other ENV: another digest only.
    let (changed, log) = workshop.build(&files(DOCKERFILE, "2")).await;
    assert_eq!(cached(&log), 4, "{log:#?}");
    assert_ne!(changed.unwrap().digest, first.digest);
    let two = Box::leak(DOCKERFILE.replace("MODE=one", "MODE=two").into_boxed_str());
    let (changed, log) = workshop.build(&files(two, "1")).await;
    let changed = changed.unwrap();
    assert_eq!(cached(&log), 5, "{log:#?}");
    assert_ne!(changed.digest, first.digest);
    assert_eq!(changed.root, first.root);
}

#[tokio::test(flavor = "multi_thread")]
async fn packages_installed_by_a_step_belong_to_later_layers_only() {
    let workshop = Workshop::new().await;
    let (image, log) = workshop
        .build(&[
            (
                "Dockerfile",
                "FROM python:3\nWORKDIR /src\nCOPY . .\nRUN python install.py\nRUN python -c 'import tiny; print(tiny.VALUE)' && tiny-command\n",
            ),
            ("install.py", INSTALL),
        ])
        .await;
    let image = image.unwrap_or_else(|error| panic!("{error}\n{log:#?}"));
    assert!(log.contains(&"42".to_owned()), "{log:#?}");
    let base = workshop.images.layers.directory_of_base();
    assert_ne!(image.python, base);
    assert!(image.python.join("bin/tiny-command").exists());
    assert!(!base.join("bin/tiny-command").exists());
}

/// What installing a package amounts to: a module, and a script that names the environment.
const INSTALL: &str = r##"
import os, sys, sysconfig
open(os.path.join(sysconfig.get_paths()["purelib"], "tiny.py"), "w").write("VALUE = 42\n")
script = os.path.join(sys.prefix, "bin", "tiny-command")
open(script, "w").write("#!" + sys.executable + "\nimport sys, tiny\nassert sys.argv[0].startswith(sys.prefix), (sys.argv, sys.prefix)\n")
os.chmod(script, 0o755)
"##;

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_step_shows_its_log_and_leaves_no_layer() {
    let workshop = Workshop::new().await;
    let dockerfile = "FROM python:3\nRUN echo before; sleep 600 & echo to stderr >&2; exit 7\n";
    let (result, log) = workshop.build(&[("Dockerfile", dockerfile)]).await;
    insta::assert_snapshot!(result.unwrap_err(), @r##"
build step 2 of 2 failed with exit code 7: RUN echo before; sleep 600 & echo to stderr >&2; exit 7
before
to stderr
"##);
    assert!(log.contains(&"to stderr".to_owned()), "{log:#?}");
    assert_eq!(file::names_with_suffix(&workshop.images.directory.join("layers"), "").unwrap().len(), 1);
    assert_eq!(workshop.processes.names().unwrap(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_cannot_write_outside_the_image() {
    let workshop = Workshop::new().await;
    let outside = workshop.directory.path().join("outside");
    let dockerfile = format!("FROM python:3\nRUN touch {}\n", outside.display());
    let (result, log) = workshop.build(&[("Dockerfile", &dockerfile)]).await;
    // Where the kernel cannot confine it, the log says so.
    if log.iter().any(|line| line.contains("no Landlock")) {
        assert!(outside.exists());
    } else {
        assert!(!outside.exists());
        let error = result.unwrap_err().to_string();
        assert!(error.contains("a RUN step may write below its working directory"), "{error}");
    }
}

#[tokio::test]
async fn bad_contexts_are_refused_before_any_step() {
    let workshop = Workshop::new().await;
    let mut messages = Vec::new();
    for files in [
        &[("other", "")][..],
        &[("Dockerfile", "FROM ubuntu:24.04")],
        &[("Dockerfile", "FROM python:3-alpine")],
        &[("Dockerfile", "FROM python:3\nCOPY missing.txt .")],
        &[("Dockerfile", "FROM python:3\nCOPY ../x .")],
        &[("Dockerfile", "FROM python:3\nWORKDIR ../..")],
        &[("Dockerfile", "FROM python:3\nENV A='x")],
    ] {
        messages.push(workshop.build(files).await.0.unwrap_err().to_string());
    }
    insta::assert_snapshot!(messages.join("\n"), @r##"
the build context has no Dockerfile: name the file with `docker build -f`
Dockerfile line 1: FROM ubuntu:24.04 is neither a python image nor an image of the local Artifact Registry
Dockerfile line 1: the local cloud has no stand-in for python:3-alpine: use a Debian variant such as python:3.12-slim
Dockerfile line 2: COPY finds no missing.txt in the build context
Dockerfile line 2: COPY source ../x leads out of the build context
Dockerfile line 2: WORKDIR ../.. leads out of the image
Dockerfile line 2: the quote ' is not closed
"##);

    let source = workshop.directory.path().join("source.tar.gz");
    let output =
        flate2::write::GzEncoder::new(std::fs::File::create(&source).unwrap(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(output);
    let mut header = tar::Header::new_gnu();
    header.as_old_mut().name[..9].copy_from_slice(b"../escape");
    header.set_size(0);
    header.set_cksum();
    tar.append(&header, &b""[..]).unwrap();
    tar.into_inner().unwrap().finish().unwrap();
    let error = context::unpack(&source, &workshop.directory.path().join("x")).unwrap_err();
    insta::assert_snapshot!(error, @"the source archive is refused: ../escape leads out of the archive");
    assert!(!workshop.directory.path().join("escape").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pushed_image_is_found_by_tag_and_digest_and_built_upon() {
    let workshop = Workshop::new().await;
    let (base, _) = workshop
        .build(&[("Dockerfile", "FROM python:3\nWORKDIR /app\nCOPY . .\nENV A=1\n"), ("data", "x")])
        .await;
    let base = base.unwrap();
    let repository = "europe-west3-docker.pkg.dev/p/r/base";
    workshop.images.push(repository, "v1", &base.digest).await.unwrap();
    let reopened =
        Images::open(workshop.directory.path().join("images"), workshop.processes.clone()).await.unwrap();
    let by_digest = format!("{repository}@{}", base.digest);
    assert_eq!(reopened.resolve(&by_digest).await.unwrap(), base);
    assert_eq!(reopened.resolve(&format!("{repository}:v1")).await.unwrap(), base);
    let error = reopened.resolve(repository).await.unwrap_err();
    insta::assert_snapshot!(error, @"Image 'europe-west3-docker.pkg.dev/p/r/base' not found.");

    let dockerfile = format!("FROM {repository}:v1\nENV B=$A$A\nRUN cat data\n");
    let (derived, log) = workshop.build(&[("Dockerfile", &dockerfile)]).await;
    let derived = derived.unwrap();
    assert!(log.contains(&"x".to_owned()), "{log:#?}");
    assert_eq!(derived.config.environment["B"], "11");
    assert_eq!(derived.python, base.python);

    let listed = workshop.images.list("europe-west3-docker.pkg.dev/p/r").await;
    assert_eq!(listed[repository][0].tags, ["v1"]);
    workshop.images.delete_tag(repository, "v1").await.unwrap();
    assert!(workshop.images.resolve(&format!("{repository}:v1")).await.is_err());
    workshop.images.delete_image(repository, &base.digest).await.unwrap();
    assert!(workshop.images.list("").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_minor_version_stands_in_with_a_warning_but_no_other_major() {
    let workshop = Workshop::new().await;
    let (image, log) = workshop.build(&[("Dockerfile", "FROM python:3.999-slim\n")]).await;
    image.unwrap();
    assert!(log[1].starts_with("Warning: this machine has no Python 3.999; Python 3."), "{log:#?}");
    let (image, _) = workshop.build(&[("Dockerfile", "FROM python:2.7\n")]).await;
    let error = image.unwrap_err().to_string();
    assert!(error.ends_with("only, which cannot stand in for Python 2.7"), "{error}");
}
