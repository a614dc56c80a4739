//! Building: the Dockerfile's steps, one after another, on top of cached layers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tokio::process::Command;
use tokio::sync::mpsc::UnboundedSender;

use super::context::{self, Context};
use super::dockerfile::{self, Instruction, Invocation, Step};
use super::layers::{self, Layer};
use super::python::Base;
use super::{BuildRequest, ImageConfig, ImageError, ImageManifest, Images, environment, expand, run};
use crate::data::file::{self, Context as _, FileError};

/// The directory that stands for root's home in an image.
const HOME: &str = "root";

/// One build in progress.
struct Build<'a> {
    images: &'a Images,
    context: Context,
    /// Values given with `--build-arg`.
    given: BTreeMap<String, String>,
    /// ARG values in force.
    arguments: BTreeMap<String, String>,
    config: ImageConfig,
    layers: Vec<String>,
    top: Option<Layer>,
    log: UnboundedSender<String>,
    steps: usize,
}

impl Images {
    /// Builds an image; layers whose key is known are reused. Builds run one at a time.
    pub(crate) async fn build(&self, request: BuildRequest) -> Result<ImageManifest, ImageError> {
        let _building = self.building.lock().await;
        let workshop = tempfile::Builder::new()
            .prefix("context-")
            .tempdir_in(&self.directory)
            .context("create a directory in", &self.directory)?;
        let archive = request.source.clone();
        let unpacked = workshop.path().to_path_buf();
        file::blocking(move || context::unpack(&archive, &unpacked)).await?;
        let directory = context::normalise(Path::new(&request.context))
            .map(|relative| workshop.path().join(relative))
            .filter(|directory| directory.is_dir())
            .ok_or_else(|| ImageError::Archive(format!("it has no directory {}", request.context)))?;
        let context = Context::open(directory)?;
        let steps = dockerfile::parse(&context.read(&request.dockerfile)?)?;
        let mut build = Build {
            images: self,
            context,
            given: request.arguments,
            arguments: BTreeMap::new(),
            config: ImageConfig { working_directory: "/".to_owned(), ..ImageConfig::default() },
            layers: Vec::new(),
            top: None,
            log: request.log,
            steps: steps.len(),
        };
        for (index, step) in steps.into_iter().enumerate() {
            build.step(index + 1, step).await?;
        }
        build.finish().await
    }
}

impl Build<'_> {
    fn say(&self, line: impl Into<String>) {
        // A caller that stopped listening does not stop the build.
        let _ = self.log.send(line.into());
    }

    async fn step(&mut self, number: usize, step: Step) -> Result<(), ImageError> {
        self.say(format!("Step {number}/{} : {}", self.steps, step.text));
        let line = step.line;
        let wrong = |message: String| ImageError::Dockerfile { line, message };
        let variables = self.variables();
        let text = |text: &str| expand::text(text, &variables).map_err(wrong);
        match step.instruction {
            Instruction::From(image) => self.from(&text(&image)?, line).await?,
            Instruction::Run(invocation) => self.run(number, &step.text, invocation).await?,
            Instruction::Copy { sources, destination, owner_ignored } => {
                if owner_ignored {
                    self.say(
                        "Note: --chown is ignored: all files belong to the user that runs the local cloud.",
                    );
                }
                let sources = sources.iter().map(|source| text(source)).collect::<Result<Vec<_>, _>>()?;
                self.copy(line, &step.text, &sources, &text(&destination)?).await?;
            }
            Instruction::Workdir(path) => {
                let path = text(&path)?;
                let below = Path::new(&self.config.working_directory).join(&path);
                let normal = context::normalise(&below)
                    .ok_or_else(|| wrong(format!("WORKDIR {path} leads out of the image")))?;
                self.config.working_directory = format!("/{}", normal.display());
                self.make_directory(&step.text, &normal).await?;
            }
            Instruction::Environment(pairs) => {
                let pairs = expand::assignments(&pairs, &variables).map_err(wrong)?;
                self.config.environment.extend(pairs);
            }
            Instruction::Argument(declarations) => {
                for word in expand::words(&declarations, &variables).map_err(wrong)? {
                    let (name, default) = match word.split_once('=') {
                        Some((name, default)) => (name, Some(default.to_owned())),
                        None => (word.as_str(), None),
                    };
                    // An ARG before FROM keeps its value when it is declared again without one.
                    let value = self
                        .given
                        .get(name)
                        .cloned()
                        .or(default)
                        .or_else(|| self.arguments.get(name).cloned());
                    self.arguments.insert(name.to_owned(), value.unwrap_or_default());
                }
            }
            Instruction::Label(pairs) => {
                let pairs = expand::assignments(&pairs, &variables).map_err(wrong)?;
                self.config.labels.extend(pairs);
            }
            Instruction::Expose(ports) => {
                self.config.exposed_ports.extend(expand::words(&ports, &variables).map_err(wrong)?);
            }
            Instruction::User(user) => self.config.user = Some(text(&user)?),
            Instruction::StopSignal(signal) => self.config.stop_signal = Some(text(&signal)?),
            Instruction::Command(invocation) => self.config.command = invocation.into_words(),
            Instruction::Entrypoint(invocation) => {
                self.config.entrypoint = invocation.into_words();
                self.config.command.clear();
            }
        }
        Ok(())
    }

    /// What instructions may refer to: ENV wins over ARG.
    fn variables(&self) -> BTreeMap<String, String> {
        let mut variables = BTreeMap::from([("PATH".to_owned(), environment::DEFAULT_PATH.to_owned())]);
        variables.extend(self.arguments.clone());
        variables.extend(self.config.environment.clone());
        variables
    }

    async fn from(&mut self, image: &str, line: usize) -> Result<(), ImageError> {
        let wrong = |message: String| ImageError::Dockerfile { line, message };
        let Some(base) = Base::parse(image) else {
            let manifest = self.images.resolve(image).await.map_err(|error| match error {
                ImageError::NotFound(_) => wrong(format!(
                    "FROM {image} is neither a python image nor an image of the local Artifact Registry"
                )),
                other => other,
            })?;
            self.top = Some(manifest.top());
            self.layers = manifest.layers;
            self.config = manifest.config;
            return Ok(());
        };
        let base = base.map_err(wrong)?;
        let interpreter = base.interpreter().await?;
        if !base.is_stood_in_by(&interpreter) {
            return Err(wrong(format!(
                "this machine has Python {} only, which cannot stand in for Python {}",
                interpreter.version, base.version
            )));
        }
        if !base.is_met_by(&interpreter) {
            self.say(format!(
                "Warning: this machine has no Python {}; Python {} ({}) stands in for it.",
                base.version,
                interpreter.version,
                interpreter.executable.display()
            ));
        }
        let executable = interpreter.executable.to_string_lossy();
        let key = layers::key(&["python", &executable, &interpreter.version]);
        if !self.reuse(&key)? {
            let draft = self.images.layers.begin(&key, image, None, true).await?;
            interpreter.make_environment(draft.python()).await?;
            let home = draft.root().join(HOME);
            std::fs::create_dir_all(&home).context("create", &home)?;
            self.adopt(draft.finish()?);
        }
        Ok(())
    }

    async fn copy(
        &mut self,
        line: usize,
        text: &str,
        sources: &[String],
        destination: &str,
    ) -> Result<(), ImageError> {
        let top = self.top()?;
        let mut absolute =
            Path::new(&self.config.working_directory).join(destination).to_string_lossy().into_owned();
        if destination == "." {
            absolute.push('/');
        }
        let items = self
            .context
            .select(sources, &absolute, &top.root)
            .map_err(|message| ImageError::Dockerfile { line, message })?;
        let digested = items.clone();
        let content = file::blocking::<_, FileError, _>(move || context::digest(&digested)).await?;
        let key = layers::key(&[&top.key, "COPY", &content]);
        if !self.reuse(&key)? {
            let draft = self.images.layers.begin(&key, text, Some(&top), false).await?;
            let root = draft.root().to_path_buf();
            file::blocking::<_, FileError, _>(move || context::copy(&items, &root)).await?;
            self.adopt(draft.finish()?);
        }
        Ok(())
    }

    async fn make_directory(&mut self, text: &str, path: &Path) -> Result<(), ImageError> {
        let top = self.top()?;
        if top.root.join(path).is_dir() {
            return Ok(());
        }
        let key = layers::key(&[&top.key, "WORKDIR", &path.to_string_lossy()]);
        if !self.reuse(&key)? {
            let draft = self.images.layers.begin(&key, text, Some(&top), false).await?;
            let directory = context::inside(draft.root(), path)?;
            std::fs::create_dir_all(&directory).context("create", &directory)?;
            self.adopt(draft.finish()?);
        }
        Ok(())
    }

    async fn run(&mut self, number: usize, text: &str, invocation: Invocation) -> Result<(), ImageError> {
        let top = self.top()?;
        let variables = self.variables();
        let settings = serde_json::to_string(&variables)
            .map_err(std::io::Error::other)
            .context("encode", Path::new("the step's variables"))?;
        let key = layers::key(&[&top.key, "RUN", text, &self.config.working_directory, &settings]);
        if self.reuse(&key)? {
            return Ok(());
        }
        let draft = self.images.layers.begin(&key, text, Some(&top), true).await?;
        let temporary = tempfile::Builder::new()
            .prefix("run-")
            .tempdir_in(&self.images.directory)
            .context("create a directory in", &self.images.directory)?;
        let cache = environment::pip_cache();
        if let Err(error) = std::fs::create_dir_all(&cache) {
            self.say(format!("Note: no package cache: {}: {error}", cache.display()));
        }
        let words = invocation.into_words();
        let command = self.command(&words, draft.root(), draft.python(), temporary.path(), &variables);
        let writable: Vec<PathBuf> =
            vec![draft.directory().to_path_buf(), temporary.path().to_path_buf(), cache];
        let outcome =
            run::run(command, writable, temporary.path(), &self.images.processes, &self.log).await?;
        if outcome.code != 0 {
            let mut log = outcome.tail;
            if log.iter().any(|line| line.contains("Permission denied") || line.contains("PermissionError")) {
                log.push("Note: a RUN step may write below its working directory, $HOME and $TMPDIR only; absolute paths are those of this machine.".to_owned());
            }
            return Err(ImageError::Step {
                step: number,
                steps: self.steps,
                command: text.to_owned(),
                code: outcome.code,
                log,
            });
        }
        self.adopt(draft.finish()?);
        Ok(())
    }

    fn command(
        &self,
        words: &[String],
        root: &Path,
        python: &Path,
        temporary: &Path,
        variables: &BTreeMap<String, String>,
    ) -> Command {
        let program = words.first().map_or("", String::as_str);
        let mut command = Command::new(program);
        command
            .args(words.iter().skip(1))
            .current_dir(environment::within(root, Path::new(&self.config.working_directory)))
            .env_clear()
            .env("LANG", "C.UTF-8")
            .envs(environment::inherited())
            .env("HOME", root.join(HOME))
            .env("VIRTUAL_ENV", python)
            .envs(variables)
            // Images set this to stay small. Our cache is outside the image, and spares downloads.
            .env_remove("PIP_NO_CACHE_DIR")
            .env("TMPDIR", temporary)
            .env("PATH", environment::search_path(variables.get("PATH").map(String::as_str), root, python));
        command
    }

    fn top(&self) -> Result<Layer, ImageError> {
        self.top.clone().ok_or(ImageError::Dockerfile { line: 1, message: "there is no FROM".to_owned() })
    }

    /// Takes the layer with this key, if there is one.
    fn reuse(&mut self, key: &str) -> Result<bool, ImageError> {
        match self.images.layers.find(key)? {
            Some(layer) => {
                self.say(" ---> Using cache");
                self.adopt(layer);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    fn adopt(&mut self, layer: Layer) {
        self.say(format!(" ---> {}", &layer.key[..layer.key.len().min(12)]));
        self.layers.push(layer.key.clone());
        self.top = Some(layer);
    }

    async fn finish(self) -> Result<ImageManifest, ImageError> {
        let top = self.top()?;
        let content = serde_json::to_string(&(&self.config, &self.layers))
            .map_err(std::io::Error::other)
            .context("encode", Path::new("the image's configuration"))?;
        let digest = format!("sha256:{}", layers::key(&["image", &content]));
        self.say(format!("Successfully built {digest}"));
        let known = self.images.manifest(&digest)?;
        let manifest = ImageManifest {
            // A rebuild of the same content is the same image.
            created: known.map_or_else(jiff::Timestamp::now, |known| known.created),
            digest,
            layers: self.layers,
            root: top.root,
            python: top.python,
            config: self.config,
        };
        file::write_json(&self.images.manifest_path(&manifest.digest), &manifest)?;
        Ok(manifest)
    }
}
