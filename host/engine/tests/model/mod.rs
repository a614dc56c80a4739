//! A cloud and a store in memory, which can be cut off at any call.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use mlflow_host_engine::{
    Action, Apply, Change, ChangeKind, Declaration, Drift, Durations, Entry, Event, Found, Guard, Holder,
    Loaded, Observer, Outcome, Owner, Plan, PlanContext, Progress, Provider, ProviderError, Recovery,
    Request, RequestAction, Resolved, Run, Selection, Standard, State, StateTarget, Store, StoreError,
    Summary, Wanted, adoptable, apply, plan, plan_destroy, recover, refresh,
};
use mlflow_host_graph::value::Map;
use mlflow_host_graph::{Diagnostic, Graph, Kind, PropertyPath, Urn, Value};
use serde_json::{Value as Json, json};
use tokio::sync::watch;

/// Ends the process, in effect, at a call with a given number: the call never returns.
#[derive(Default)]
pub(crate) struct Fuse {
    pub(crate) calls: AtomicUsize,
    pub(crate) blows_at: Option<usize>,
}

impl Fuse {
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    async fn burn(&self) {
        if Some(self.calls.fetch_add(1, Ordering::SeqCst)) == self.blows_at {
            std::future::pending::<()>().await;
        }
    }

    fn blown(&self) -> bool {
        self.blows_at.is_some_and(|at| self.calls() > at)
    }
}

/// What exists in the cloud, by identity.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) things: Mutex<BTreeMap<String, Json>>,
    /// Whatever went against the order of dependencies: who needed what while it was not there.
    pub(crate) offences: Mutex<Vec<(String, String)>>,
    pub(crate) requests: AtomicUsize,
    /// Identities that fail to be created.
    pub(crate) broken: Mutex<Vec<String>>,
    /// The requests that fail, counted from the first one.
    pub(crate) failures: Mutex<BTreeSet<usize>>,
}

/// A provider for the kinds `model.test/Thing` and `model.test/Member`.
///
/// A thing's `fixed` cannot be changed in place; `name` fixes its name; `in` is its container; `needs`
/// lists identities that must exist. Members with the same `of` go in one request.
pub(crate) struct Cloud<'a> {
    pub(crate) world: &'a World,
    pub(crate) fuse: &'a Fuse,
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).map(str::to_owned)
}

impl Cloud<'_> {
    fn needs(body: &Json) -> Vec<String> {
        let listed = body["needs"].as_array().into_iter().flatten().filter_map(Json::as_str);
        listed.chain(body["in"].as_str()).map(str::to_owned).collect()
    }

    fn carry_out(&self, request: &Request) -> Result<(), ProviderError> {
        let mut things = self.world.things.lock().unwrap();
        let offend =
            |who: &str, what: String| self.world.offences.lock().unwrap().push((who.to_owned(), what));
        let number = self.world.requests.fetch_add(1, Ordering::SeqCst);
        if self.world.failures.lock().unwrap().contains(&number) {
            return Err(ProviderError::new("it is refused"));
        }
        for target in &request.targets {
            let identity = target.identity.clone().expect("model identities are always known");
            match request.action {
                RequestAction::Create | RequestAction::Update => {
                    if self.world.broken.lock().unwrap().contains(&identity) {
                        return Err(ProviderError::new("it is broken"));
                    }
                    if request.action == RequestAction::Create && things.contains_key(&identity) {
                        return Err(ProviderError::new(format!("{identity} exists already")));
                    }
                    let body = target.inputs.to_request_json().expect("everything is known by now");
                    for need in Self::needs(&body) {
                        if !things.contains_key(&need) {
                            offend(&identity, need);
                        }
                    }
                    things.insert(identity, body);
                }
                RequestAction::Delete => {
                    let gone = |thing: &str, things: &BTreeMap<String, Json>| {
                        things[thing]["in"].as_str() == Some(identity.as_str())
                    };
                    let inside: Vec<_> =
                        things.keys().filter(|thing| gone(thing, &things)).cloned().collect();
                    things.remove(&identity);
                    for thing in &inside {
                        things.remove(thing);
                    }
                    for (other, body) in things.iter() {
                        for need in Self::needs(body) {
                            if need == identity || inside.contains(&need) {
                                offend(other, need);
                            }
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn outcomes(request: &Request) -> Vec<Outcome> {
        if request.action == RequestAction::Delete {
            return Vec::new();
        }
        let outcome = |target: &mlflow_host_engine::Target| {
            let identity = target.identity.clone().unwrap_or_default();
            let mut outputs = Map::from([("id".to_owned(), Value::string(&identity))]);
            outputs.insert("late".to_owned(), Value::String(format!("late-{identity}")));
            Outcome { identity, outputs: Value::Map(outputs) }
        };
        request.targets.iter().map(outcome).collect()
    }
}

#[async_trait]
impl Provider for Cloud<'_> {
    fn durations(&self, _: &Kind) -> Durations {
        let second = Duration::from_secs(1);
        Durations { create: second * 3, update: second * 2, delete: second }
    }

    fn resolve(&self, declaration: &Declaration<'_>) -> Result<Resolved, ProviderError> {
        let given = declaration.properties.get("name").and_then(Value::as_str).map(str::to_owned);
        let name =
            given.clone().unwrap_or_else(|| format!("{}-{}", declaration.urn.name(), declaration.suffix));
        let inputs = Value::Map(declaration.properties.clone());
        let container = text(&inputs, "in");
        let identity = match &container {
            Some(container) => format!("{container}/{name}"),
            None => name,
        };
        let group = (declaration.urn.kind().short() == "Member").then(|| text(&inputs, "of")).flatten();
        Ok(Resolved {
            predicted: Map::from([("id".to_owned(), Value::string(&identity))]),
            identity: Some(identity),
            name_is_fixed: given.is_some(),
            container,
            group,
            lock: text(&inputs, "lock"),
            inputs,
        })
    }

    fn compare(&self, _: &Kind, old: &Value, new: &Value) -> Vec<Change> {
        let (empty, none) = (Map::new(), Value::Null);
        let (left, right) = (old.as_map().unwrap_or(&empty), new.as_map().unwrap_or(&empty));
        let keys: BTreeSet<_> = left.keys().chain(right.keys()).collect();
        keys.into_iter()
            .map(|key| (key, left.get(key).unwrap_or(&none), right.get(key).unwrap_or(&none)))
            .filter(|(_, old, new)| old != new)
            .map(|(key, old, new)| {
                let immutable = ["fixed", "name", "in"].contains(&key.as_str());
                Change {
                    path: PropertyPath::root().key(key),
                    old: old.clone(),
                    new: new.clone(),
                    kind: if immutable { ChangeKind::Replace } else { ChangeKind::Update },
                }
            })
            .collect()
    }

    fn stable_outputs(&self, _: &Kind, outputs: &Value) -> Map {
        outputs.as_map().cloned().unwrap_or_default()
    }

    async fn lookup(&self, urn: &Urn, _: &Map) -> Result<Value, ProviderError> {
        Ok(Value::from(json!({ "number": urn.name().len() })))
    }

    async fn observe(&self, wanted: &[Wanted]) -> Vec<Result<Option<Found>, ProviderError>> {
        let things = self.world.things.lock().unwrap();
        let read = |wanted: &Wanted| {
            let body = things.get(&wanted.identity)?;
            let owner = match body["owner"].as_str() {
                Some("") | None => Owner::Nobody,
                Some(stack) => Owner::Other(stack.to_owned()),
            };
            let outputs = Value::from(body.clone()).over(Value::from(json!({ "id": wanted.identity })));
            Some(Found { identity: wanted.identity.clone(), outputs, owner })
        };
        wanted.iter().map(|wanted| Ok(read(wanted))).collect()
    }

    fn drift(&self, kind: &Kind, inputs: &Value, outputs: &Value) -> Vec<Change> {
        let declared = inputs.as_map().cloned().unwrap_or_default();
        let changes = self.compare(kind, inputs, outputs);
        changes.into_iter().filter(|change| declared.contains_key(&change.path.to_string())).collect()
    }

    async fn begin(&self, request: &Request) -> Result<Progress, ProviderError> {
        self.fuse.burn().await;
        self.carry_out(request)?;
        self.fuse.burn().await;
        let handle = json!({ "operation": request.id });
        Ok(Progress::Running { handle, after: Duration::ZERO, note: "working".to_owned() })
    }

    async fn advance(&self, request: &Request, _: &Json) -> Result<Progress, ProviderError> {
        self.fuse.burn().await;
        Ok(Progress::Done(Self::outcomes(request)))
    }

    async fn recover(&self, request: &Request) -> Result<Recovery, ProviderError> {
        self.fuse.burn().await;
        let things = self.world.things.lock().unwrap();
        let there = |target: &mlflow_host_engine::Target| {
            target.identity.as_ref().is_some_and(|identity| things.contains_key(identity))
        };
        let reached = match request.action {
            RequestAction::Create => request.targets.iter().all(there),
            RequestAction::Update => false,
            RequestAction::Delete => !request.targets.iter().any(there),
        };
        Ok(if reached {
            Recovery::Reached(Progress::Done(Self::outcomes(request)))
        } else {
            Recovery::NotReached
        })
    }
}

/// A journal in memory. What was appended before the fuse blew is durable.
pub(crate) struct Memory<'a> {
    pub(crate) entries: &'a Mutex<Vec<Entry>>,
    pub(crate) fuse: &'a Fuse,
}

struct NoLock;
impl Guard for NoLock {}

#[async_trait]
impl Store for Memory<'_> {
    async fn load(&self) -> Result<Option<Loaded>, StoreError> {
        let state = replay(&self.entries.lock().unwrap());
        Ok(Some(Loaded { state, notices: Vec::new() }))
    }

    async fn append(&self, entries: &[Entry]) -> Result<(), StoreError> {
        self.fuse.burn().await;
        // Whatever is written is read back as text, as from a disk.
        for entry in entries {
            let text = serde_json::to_string(entry).expect("entries are plain data");
            self.entries.lock().unwrap().push(serde_json::from_str(&text).expect("entries read back"));
        }
        self.fuse.burn().await;
        Ok(())
    }

    async fn compact(&self, _: &State) -> Result<(), StoreError> {
        Ok(())
    }

    async fn lock(&self, _: &Holder) -> Result<Box<dyn Guard>, StoreError> {
        Ok(Box::new(NoLock))
    }
}

pub(crate) fn fresh() -> State {
    let target = StateTarget { cloud: "local".to_owned(), project: "p".to_owned() };
    State::new("test", target, "seed1".to_owned())
}

pub(crate) fn replay(entries: &[Entry]) -> State {
    let mut state = fresh();
    for entry in entries {
        state.apply(entry.clone());
    }
    state
}

/// Keeps the events.
#[derive(Default)]
pub(crate) struct Events(pub(crate) Mutex<Vec<Event>>);

impl Observer for Events {
    fn observe(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

/// A laptop: what survives between runs.
#[derive(Default)]
pub(crate) struct Bench {
    pub(crate) world: World,
    pub(crate) entries: Mutex<Vec<Entry>>,
    pub(crate) events: Events,
    /// What was deleted before its replacement was made, with the replacement.
    pub(crate) detours: Mutex<BTreeMap<String, String>>,
}

impl Bench {
    pub(crate) fn state(&self) -> State {
        replay(&self.entries.lock().unwrap())
    }

    /// Forgives that something was away for a while where that cannot be helped: it had to be deleted
    /// before what replaces it, and who needed it needs the replacement, directly or through others.
    pub(crate) fn forgive_replacements(&self) {
        let things = self.world.things.lock().unwrap();
        let detours = self.detours.lock().unwrap();
        let helpless = |(who, what): &(String, String)| {
            let Some(replacement) = detours.get(what) else { return false };
            let (mut found, mut stack) = (BTreeSet::new(), vec![who.clone()]);
            while let Some(thing) = stack.pop() {
                if let Some(body) = things.get(&thing).filter(|_| found.insert(thing.clone())) {
                    stack.extend(Cloud::needs(body));
                }
            }
            found.contains(replacement)
        };
        self.world.offences.lock().unwrap().retain(|offence| !helpless(offence));
    }

    /// Remembers what a plan deletes before replacing it.
    fn note_detours(&self, plan: &Plan) {
        for replace in plan.operations.iter().filter(|operation| operation.action == Action::Replace) {
            for step in &replace.steps {
                let earlier = replace.needs.iter().flat_map(|id| &plan.operations[id.0].steps);
                for old in earlier.filter(|old| old.urn == step.urn) {
                    let identities = old.identity.clone().zip(step.identity.clone());
                    self.detours.lock().unwrap().extend(identities);
                }
            }
        }
    }

    /// Plans part of a graph, or of its destruction where there is none.
    pub(crate) fn select(
        &self,
        graph: Option<&Graph>,
        selection: &Selection,
    ) -> Result<Plan, Vec<Diagnostic>> {
        let fuse = Fuse::default();
        let provider = Standard::new(Cloud { world: &self.world, fuse: &fuse });
        let (secrets, lookups) = (BTreeMap::new(), BTreeMap::new());
        let context = PlanContext::new(&provider, &secrets, &lookups).selecting(selection);
        match graph {
            Some(graph) => plan(graph, &self.state(), &context),
            None => plan_destroy(&self.state(), &context),
        }
    }

    /// Plans a graph with what exists already adopted.
    pub(crate) async fn adopt(&self, graph: &Graph, adopt: bool) -> Result<Plan, Vec<Diagnostic>> {
        let fuse = Fuse::default();
        let provider = Standard::new(Cloud { world: &self.world, fuse: &fuse });
        let (secrets, lookups, state) = (BTreeMap::new(), BTreeMap::new(), self.state());
        let context = PlanContext::new(&provider, &secrets, &lookups);
        let mut adopted = BTreeMap::new();
        loop {
            let plan = plan(graph, &state, &context.adopting(&adopted))?;
            let found = adoptable(graph, &state, &plan, &provider, adopt).await?;
            if found.is_empty() {
                return Ok(plan);
            }
            adopted.extend(found);
        }
    }

    /// Brings the state up to date with the cloud.
    pub(crate) async fn refresh(&self) -> Vec<Drift> {
        let fuse = Fuse::default();
        let provider = Standard::new(Cloud { world: &self.world, fuse: &fuse });
        let refreshed = refresh(&self.state(), &provider).await;
        self.entries.lock().unwrap().extend(refreshed.entries);
        refreshed.drifts
    }

    pub(crate) fn plan(&self, graph: &Graph) -> Result<Plan, Vec<Diagnostic>> {
        let fuse = Fuse::default();
        let provider = Standard::new(Cloud { world: &self.world, fuse: &fuse });
        let (secrets, lookups) = (BTreeMap::new(), BTreeMap::new());
        plan(graph, &self.state(), &PlanContext::new(&provider, &secrets, &lookups))
    }

    /// Runs `up`, or `destroy` where there is no graph. `None` when the fuse blew.
    pub(crate) async fn run(&self, graph: Option<&Graph>, fuse: &Fuse) -> Option<Summary> {
        let provider = Standard::new(Cloud { world: &self.world, fuse });
        let store = Memory { entries: &self.entries, fuse };
        let (secrets, lookups) = (BTreeMap::new(), BTreeMap::new());
        let empty = Graph::default();
        let work = async {
            let mut state = self.state();
            recover(&mut state, &provider, &store, &self.events).await.expect("recovery works");
            let context = PlanContext::new(&provider, &secrets, &lookups);
            let plan = match graph {
                Some(graph) => plan(graph, &state, &context),
                None => plan_destroy(&state, &context),
            };
            let plan = plan.expect("the graph can be planned");
            self.note_detours(&plan);
            self.carry_out(&plan, graph.unwrap_or(&empty), &mut state, fuse).await
        };
        let cut = async {
            while !fuse.blown() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            summary = work => Some(summary),
            () = cut => None,
        }
    }

    /// Carries a plan out.
    pub(crate) async fn carry_out(
        &self,
        plan: &Plan,
        graph: &Graph,
        state: &mut State,
        fuse: &Fuse,
    ) -> Summary {
        let provider = Standard::new(Cloud { world: &self.world, fuse });
        let store = Memory { entries: &self.entries, fuse };
        let (secrets, lookups) = (BTreeMap::new(), BTreeMap::new());
        let run = Run { id: "run".to_owned(), command: "up".to_owned(), ..Run::default() };
        let context = Apply {
            plan,
            graph,
            provider: &provider,
            secrets: &secrets,
            lookups: &lookups,
            store: &store,
            observer: &self.events,
            run: &run,
        };
        let (_sender, stop) = watch::channel(false);
        apply(context, state, stop).await.expect("the journal can be written")
    }
}
