//! One resource of one request, and what every regular kind does with it: driven by the kinds table.

use mlflow_host_engine::{ChangeKind, Outcome, Request, Target};
use mlflow_host_gcp_api::kinds::{self, Kind, UpdateStyle};
use mlflow_host_gcp_api::template::last_segment;
use mlflow_host_graph::{PropertyPath, Value};
use serde_json::{Map, Value as Json};

use crate::calls;
use crate::client::{Body, Call};
use crate::compare::{compare, drift};
use crate::error::CallError;
use crate::operations::{self, OperationRef};
use crate::ownership::{Owner, owner};
use crate::resolve::RESOURCE_ID;
use crate::session::Session;
use crate::tree;
use crate::variables::Variables;

/// What came back when a change was sent.
#[derive(Debug, Clone)]
pub(crate) enum Sent {
    /// An operation, as it was answered, with the identity that the server has assigned, if it did.
    Operation {
        /// Where to look.
        operation: OperationRef,
        /// The operation itself.
        answer: Json,
        /// Identity, if the server assigned one.
        identity: Option<String>,
    },
    /// The resource itself.
    Resource {
        /// As Google returned it.
        body: Json,
        /// Identity, if the server assigned one.
        identity: Option<String>,
    },
    /// Something to wait for by reading the resource.
    Settle {
        /// Identity, if the server assigned one.
        identity: Option<String>,
    },
    /// A part; there is more to send.
    Part,
    /// Nothing is left to do.
    Nothing,
}

/// One resource of one request.
#[derive(Clone, Copy)]
pub(crate) struct Work<'a> {
    /// What all requests share.
    pub session: &'a Session,
    /// The facts about the kind.
    pub kind: &'static Kind,
    /// The request.
    pub request: &'a Request,
    /// The resource.
    pub target: &'a Target,
}

impl<'a> Work<'a> {
    /// The inputs: those to be, or, for a deletion, those recorded.
    pub(crate) fn inputs(&self) -> &'a Value {
        match (&self.target.recorded, self.target.inputs.as_map().is_none_or(|map| map.is_empty())) {
            (Some(recorded), true) => &recorded.inputs,
            _ => &self.target.inputs,
        }
    }

    /// The identity, as far as it is known before an answer.
    pub(crate) fn known_identity(&self) -> Option<&'a str> {
        self.target.identity.as_deref().or(self
            .target
            .recorded
            .as_ref()
            .map(|recorded| recorded.identity.as_str()))
    }

    /// The values of template variables.
    pub(crate) async fn variables(&self, identity: Option<&str>) -> Result<Variables<'a>, CallError> {
        self.session.variables(self.kind, self.inputs(), identity.or(self.known_identity())).await
    }

    /// A call of the table, filled in.
    pub(crate) async fn call(&self, template: &kinds::Call) -> Result<Call, CallError> {
        let variables = self.variables(None).await?;
        calls::call(self.kind, template, &variables, &self.request.id)
    }

    /// How the resource is called in a sentence.
    pub(crate) fn title(&self) -> String {
        let name = self.known_identity().unwrap_or(self.target.urn.name());
        format!("{} `{name}`", self.kind.name)
    }

    /// Creates the resource.
    pub(crate) async fn create(&self) -> Result<Sent, CallError> {
        let (call, template) = self.create_call().await?;
        self.send(&call, template).await
    }

    /// The call that creates the resource.
    pub(crate) async fn create_call(&self) -> Result<(Call, &'static kinds::Call), CallError> {
        let template = template(&self.kind.create, self.kind, "created")?;
        let later = self.paths_after_create();
        let mut fields = calls::fields(self.kind, self.inputs())?;
        fields.retain(|name, _| !later.iter().any(|path| path.is_under_pattern(name)));
        let mut call = with_body(self.call(template).await?, template, Json::Object(fields));
        // With a name of the client's choice the second of two creations is refused, not repeated.
        call.repeatable |= self.kind.id.is_declared();
        Ok((call, template))
    }

    /// The declared fields that the create call does not take: an update sends them afterwards.
    pub(crate) fn paths_after_create(&self) -> Vec<PropertyPath> {
        let specials = self.kind.special_updates.iter();
        specials
            .filter(|special| special.after_create && self.applies(special))
            .flat_map(|special| &special.paths)
            .filter_map(|path| path.parse().ok())
            .filter(|path| self.inputs().at(path).is_some_and(|value| value != Value::Null))
            .collect()
    }

    /// Sends the part of an update of these paths that is due: the special ones first, then the general one.
    pub(crate) async fn update(&self, changed: &[PropertyPath], step: usize) -> Result<Sent, CallError> {
        match self.update_call(changed, step).await? {
            Some((call, template)) => self.send(&call, template).await,
            None => Ok(Sent::Settle { identity: None }),
        }
    }

    /// The call of the part that is due; `None` when there is none (any more).
    pub(crate) async fn update_call(
        &self,
        changed: &[PropertyPath],
        step: usize,
    ) -> Result<Option<(Call, &'static kinds::Call)>, CallError> {
        let parts = self.update_parts(changed);
        let Some(part) = parts.get(step) else { return Ok(None) };
        let (template, body) = match part {
            Part::Special(special) => (&special.call, self.special_body(special).await?),
            Part::General(paths) => {
                (template(&self.kind.update, self.kind, "changed")?, self.general_body(paths)?)
            }
        };
        let variables = self.variables(None).await?;
        let call = calls::call(self.kind, template, &variables, &self.part_id(template))?;
        let mut call = with_body(call, template, body);
        call.repeatable = true;
        if let Part::General(paths) = part {
            self.mask(&mut call, paths);
            self.lock_optimistically(&mut call).await?;
        }
        Ok(Some((call, template)))
    }

    /// How many parts an update of these paths has.
    pub(crate) fn update_steps(&self, changed: &[PropertyPath]) -> usize {
        self.update_parts(changed).len()
    }

    /// The paths in which the resource in the cloud differs from what is declared and that can be changed
    /// in place.
    pub(crate) async fn differences(&self) -> Result<Vec<PropertyPath>, CallError> {
        let Some(live) = self.read(None).await? else { return Ok(Vec::new()) };
        let declared = self.inputs();
        let changes = compare(self.kind, &pruned(Value::from(live), declared), declared);
        let updates = changes.into_iter().filter(|change| change.kind == ChangeKind::Update);
        Ok(updates.map(|change| change.path).collect())
    }

    /// Deletes the resource.
    pub(crate) async fn delete(&self) -> Result<Sent, CallError> {
        let Some(template) = &self.kind.delete else { return Ok(Sent::Nothing) };
        let call = self.call(template).await?.repeatable();
        match self.send(&call, template).await? {
            Sent::Resource { .. } => Ok(Sent::Nothing),
            sent => Ok(sent),
        }
    }

    /// Reads the resource; `None` when there is none.
    pub(crate) async fn read(&self, identity: Option<&str>) -> Result<Option<Json>, CallError> {
        let template = template(&self.kind.read, self.kind, "read")?;
        let variables = self.variables(identity).await?;
        read(self.session, self.kind, template, &variables).await
    }

    /// Looks for a resource whose id the server assigns: one that bears our mark and is what is declared.
    pub(crate) async fn find_by_content(&self) -> Result<Option<(String, Json)>, CallError> {
        let Some(template) = &self.kind.list else { return Ok(None) };
        for item in list(self.session, &self.call(template).await?, template).await? {
            let is_ours = owner(self.kind, &self.session.config, &item) == Owner::Ours;
            let differs = || !drift(self.kind, self.inputs(), &Value::from(item.clone())).is_empty();
            if is_ours && !differs() {
                return Ok(self.assigned_identity(&item).await?.map(|identity| (identity, item)));
            }
        }
        Ok(None)
    }

    /// Sends a call and makes out what its answer is.
    pub(crate) async fn send(&self, call: &Call, template: &kinds::Call) -> Result<Sent, CallError> {
        let answer = self.session.client.json(call).await?;
        match operations::style(self.kind, template.operation) {
            None => Ok(Sent::Resource { identity: self.assigned_identity(&answer).await?, body: answer }),
            Some(style) => {
                let operation = operations::place(self.kind, style, &answer, self.variables(None).await?)?;
                Ok(Sent::Operation { operation, answer, identity: None })
            }
        }
    }

    /// The identity that the server has assigned to what it returned; `None` where the client chooses.
    pub(crate) async fn assigned_identity(&self, body: &Json) -> Result<Option<String>, CallError> {
        let kinds::IdOrigin::Server(attribute) = &self.kind.id.origin else { return Ok(None) };
        match tree::json_text(body, attribute) {
            "" => Ok(None),
            id => Ok(self.variables(Some(id)).await?.identity()),
        }
    }

    /// What is recorded of the resource as Google returned it.
    pub(crate) async fn outcome(&self, identity: Option<&str>, body: Json) -> Result<Outcome, CallError> {
        let variables = self.variables(identity).await?;
        let identity = variables.identity().ok_or_else(|| {
            CallError::Invalid(format!("the full name of `{}` is not known", self.target.urn))
        })?;
        Ok(Outcome { identity, outputs: outputs(self.kind, self.inputs(), &variables, body) })
    }

    /// The request id of a part of an update. Each has its own: Google takes a second request with the same id
    /// for a repetition and does nothing. It is the same one when the part is sent again.
    fn part_id(&self, template: &kinds::Call) -> String {
        let request = uuid::Uuid::parse_str(&self.request.id).unwrap_or_default();
        uuid::Uuid::new_v5(&request, template.path.as_bytes()).to_string()
    }

    fn update_parts(&self, paths: &[PropertyPath]) -> Vec<Part> {
        let covers = |special: &kinds::SpecialUpdate, path: &PropertyPath| {
            special.paths.iter().any(|pattern| path.is_under_pattern(pattern))
        };
        let mut parts: Vec<Part> = self
            .kind
            .special_updates
            .iter()
            .filter(|special| paths.iter().any(|path| covers(special, path)) && self.applies(special))
            .map(Part::Special)
            .collect();
        let general: Vec<PropertyPath> = paths
            .iter()
            .filter(|path| !self.kind.special_updates.iter().any(|special| covers(special, path)))
            .cloned()
            .collect();
        let general = calls::changed_fields(self.kind, &general);
        if self.kind.update.is_some() && !general.is_empty() {
            parts.push(Part::General(general));
        }
        parts
    }

    /// Whether a special update is the one for the value that its field has now.
    fn applies(&self, special: &kinds::SpecialUpdate) -> bool {
        let Some(when) = &special.when else { return true };
        let path: Option<PropertyPath> = special.paths.first().and_then(|path| path.parse().ok());
        let value = path.and_then(|path| self.inputs().at(&path)).and_then(|value| value.to_request_json());
        // An absent flag means false.
        value.unwrap_or(Json::Bool(false)) == *when
    }

    async fn special_body(&self, special: &kinds::SpecialUpdate) -> Result<Json, CallError> {
        if special.when.is_some() {
            return Ok(Json::Object(Map::new()));
        }
        let fields = calls::fields(self.kind, self.inputs())?;
        let paths: Vec<PropertyPath> = special.paths.iter().filter_map(|path| path.parse().ok()).collect();
        let mut body = calls::only(&fields, &paths);
        if let Some(attribute) = &special.fingerprint {
            let current = self.read(None).await?.unwrap_or_default();
            if let Some(value) = tree::json_at(&current, attribute) {
                tree::json_set(&mut body, attribute, value.clone());
            }
        }
        Ok(body)
    }

    fn general_body(&self, paths: &[PropertyPath]) -> Result<Json, CallError> {
        let fields = calls::fields(self.kind, self.inputs())?;
        Ok(match self.kind.update_style {
            UpdateStyle::Full | UpdateStyle::None => Json::Object(fields),
            UpdateStyle::Mask | UpdateStyle::MaskInBody => {
                let names = calls::top_level(paths);
                Json::Object(fields.into_iter().filter(|(name, _)| names.contains(name)).collect())
            }
            UpdateStyle::Merge | UpdateStyle::Fingerprint => calls::only(&fields, paths),
        })
    }

    fn mask(&self, call: &mut Call, paths: &[PropertyPath]) {
        let mask = calls::top_level(paths).join(",");
        match (self.kind.update_style, &mut call.body) {
            (UpdateStyle::Mask, _) => call.query.push(("updateMask".to_owned(), mask)),
            (UpdateStyle::MaskInBody, Body::Json(body)) => {
                tree::json_set(body, "updateMask", Json::String(mask))
            }
            _ => {}
        }
    }

    /// Adds the proof that the update starts from the current version.
    async fn lock_optimistically(&self, call: &mut Call) -> Result<(), CallError> {
        let Some(concurrency) = &self.kind.concurrency else { return Ok(()) };
        let Some(current) = self.read(None).await? else { return Ok(()) };
        let Some(value) = tree::json_at(&current, &concurrency.path) else { return Ok(()) };
        match (&concurrency.query, &mut call.body) {
            (Some(parameter), _) => {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                call.query.push((parameter.clone(), text));
            }
            (None, Body::Json(body)) => tree::json_set(body, &concurrency.path, value.clone()),
            (None, _) => {}
        }
        Ok(())
    }
}

fn template<'t>(
    call: &'t Option<kinds::Call>,
    kind: &Kind,
    verb: &str,
) -> Result<&'t kinds::Call, CallError> {
    call.as_ref().ok_or_else(|| CallError::Invalid(format!("a `{}` cannot be {verb}", kind.name)))
}

/// One call of an update.
enum Part {
    Special(&'static kinds::SpecialUpdate),
    General(Vec<PropertyPath>),
}

/// The body of a create or update: the fields, wrapped where the method wants it, under what the table adds.
fn with_body(call: Call, template: &kinds::Call, fields: Json) -> Call {
    let added = match &call.body {
        Body::Json(added) => added.clone(),
        _ => Json::Object(Map::new()),
    };
    let mut body = match &template.wrap {
        Some(field) => Json::Object(Map::from_iter([(field.clone(), fields)])),
        None => fields,
    };
    tree::json_over(&mut body, added);
    call.json(body)
}

/// What is there of the declared fields.
fn pruned(live: Value, declared: &Value) -> Value {
    match (live, declared.reveal()) {
        (Value::Map(mut live), Value::Map(declared)) => Value::Map(
            declared
                .iter()
                .filter_map(|(key, declared)| Some((key.clone(), pruned(live.remove(key)?, declared))))
                .collect(),
        ),
        (Value::List(live), Value::List(declared)) => {
            let beside = |(index, live)| match declared.get(index) {
                Some(declared) => pruned(live, declared),
                None => live,
            };
            Value::List(live.into_iter().enumerate().map(beside).collect())
        }
        (live, _) => live,
    }
}

/// Reads a resource, by a list where there is no other way; `None` when there is none.
pub(crate) async fn read(
    session: &Session,
    kind: &Kind,
    template: &kinds::Call,
    variables: &Variables<'_>,
) -> Result<Option<Json>, CallError> {
    let call = calls::call(kind, template, variables, "")?;
    let found = session.client.find(&call).await?;
    let Some(items) = &template.items else { return Ok(found.filter(|body| !is_absent(kind, body))) };
    let is_meant = |item: &&Json| {
        template.filter.iter().all(|(field, wanted)| {
            variables.expand(wanted).is_some_and(|wanted| tree::json_text(item, field) == wanted)
        })
    };
    let listed = found.as_ref().and_then(|answer| answer.get(items)).and_then(Json::as_array);
    Ok(listed.into_iter().flatten().find(is_meant).cloned())
}

/// Whether what was read says that there is no such resource (any more), e.g., a destroyed version.
pub(crate) fn is_absent(kind: &Kind, body: &Json) -> bool {
    let Some(absent) = &kind.absent else { return false };
    let Some(value) = tree::json_at(body, &absent.path) else { return false };
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    absent.values.contains(&text)
}

/// Everything that a list call finds, page by page.
pub(crate) async fn list(
    session: &Session,
    call: &Call,
    template: &kinds::Call,
) -> Result<Vec<Json>, CallError> {
    let items = template.items.as_deref().unwrap_or("items");
    let mut found = Vec::new();
    let mut page = call.clone();
    loop {
        let mut answer = session.client.json(&page).await?;
        if let Some(Json::Array(listed)) = answer.get_mut(items).map(Json::take) {
            found.extend(listed);
        }
        match tree::json_text(&answer, "nextPageToken") {
            "" => return Ok(found),
            token => page = call.clone().query("pageToken", token),
        }
    }
}

/// The attributes of a resource as Google returned it: its fields, what the table predicts of those that
/// are missing, and the short id.
pub(crate) fn outputs(kind: &Kind, inputs: &Value, variables: &Variables<'_>, body: Json) -> Value {
    let mut outputs = match kind.schema {
        Some(_) => Value::from(body),
        None => inputs.clone(),
    };
    for (path, template) in &kind.predicted {
        let missing = path.parse::<PropertyPath>().ok().filter(|path| outputs.at(path).is_none());
        if let (Some(path), Some(text)) = (missing, variables.expand(template)) {
            tree::set(&mut outputs, &path, Value::String(text));
        }
    }
    if let (Value::Map(entries), Some(id)) = (&mut outputs, variables.id()) {
        entries.insert(RESOURCE_ID.to_owned(), Value::string(last_segment(id)));
    }
    for path in &kind.sensitive {
        tree::seal(&mut outputs, path);
    }
    outputs
}
