use futures::TryStreamExt;

use super::*;

type Piece = Result<Bytes, std::io::Error>;

fn pieces(parts: &[&str]) -> impl Stream<Item = Piece> + Send + 'static {
    let parts: Vec<Piece> = parts.iter().map(|part| Ok(Bytes::copy_from_slice(part.as_bytes()))).collect();
    futures::stream::iter(parts)
}

fn named(name: &str) -> NewObject {
    NewObject { name: name.to_owned(), ..NewObject::default() }
}

async fn open(directory: &tempfile::TempDir) -> Objects {
    Objects::open(directory.path().to_path_buf()).await.unwrap()
}

async fn text(objects: &Objects, bucket: &str, name: &str, range: Option<ByteRange>) -> String {
    let reader = objects.read(bucket, name, None, range).await.unwrap();
    let content: Vec<Bytes> = reader.content.try_collect().await.unwrap();
    let content = content.concat();
    assert_eq!(content.len() as u64, reader.length);
    String::from_utf8(content).unwrap()
}

fn files(directory: &tempfile::TempDir) -> usize {
    ["buckets/b", "incoming", "uploads"]
        .iter()
        .filter_map(|part| std::fs::read_dir(directory.path().join(part)).ok())
        .map(Iterator::count)
        .sum()
}

#[tokio::test]
async fn any_name_is_kept_and_nothing_leaves_the_directory() {
    let directory = tempfile::tempdir().unwrap();
    let objects = open(&directory).await;
    let names = ["../../etc/passwd", "a/b//c", "ü ☃", "..", "%2F", "x\ny"];
    for name in names {
        objects.insert("b", named(name), pieces(&["content of ", name])).await.unwrap();
    }
    let reopened = open(&directory).await;
    for name in names {
        assert_eq!(text(&reopened, "b", name, None).await, format!("content of {name}"));
    }
    assert_eq!(files(&directory), 2 * names.len());
    assert!(!objects.is_empty("b"));
    objects.delete_all("b").await.unwrap();
    assert!(objects.is_empty("b"));
    assert!(open(&directory).await.is_empty("b"));
}

#[tokio::test]
async fn a_write_replaces_and_generations_grow() {
    let directory = tempfile::tempdir().unwrap();
    let objects = open(&directory).await;
    let first = objects.insert("b", named("o"), pieces(&["one"])).await.unwrap();
    let second = objects.insert("b", named("o"), pieces(&["two!"])).await.unwrap();
    assert!(second.generation > first.generation);
    assert_eq!((second.metageneration, second.size), (1, 4));
    assert_eq!(files(&directory), 2);

    let patched = objects
        .patch("b", "o", Conditions::default(), |attributes| {
            attributes.content_type = Some("text/plain".to_owned());
        })
        .await
        .unwrap();
    assert_eq!((patched.metageneration, patched.generation), (2, second.generation));
    assert_eq!(open(&directory).await.get("b", "o", None).unwrap(), patched);
    let error = objects.get("b", "o", Some(first.generation)).unwrap_err();
    insta::assert_snapshot!(error, @"No such object: b/o");

    let copy = objects.copy(("b", "o"), ("b", "copy"), None, Conditions::default()).await.unwrap();
    assert_eq!((copy.md5, copy.attributes), (patched.md5, patched.attributes));
    objects.delete("b", "o", None, Conditions::default()).await.unwrap();
    assert!(objects.get("b", "o", None).is_err());
    assert_eq!(text(&objects, "b", "copy", None).await, "two!");
}

#[tokio::test]
async fn conditions_guard_every_change() {
    let directory = tempfile::tempdir().unwrap();
    let objects = open(&directory).await;
    let absent = Conditions { generation_match: Some(0), ..Conditions::default() };
    let guarded = || NewObject { conditions: absent, ..named("lock") };
    objects.insert("b", guarded(), pieces(&["mine"])).await.unwrap();
    let second = objects.insert("b", guarded(), pieces(&["yours"])).await;
    assert!(matches!(second, Err(ObjectError::ConditionFailed)));
    let deletion = objects.delete("b", "lock", None, absent).await;
    assert!(matches!(deletion, Err(ObjectError::ConditionFailed)));
    assert_eq!(text(&objects, "b", "lock", None).await, "mine");
    assert_eq!(files(&directory), 2);
}

#[tokio::test]
async fn wrong_checksums_and_broken_streams_write_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let objects = open(&directory).await;
    let mut wrong = named("o");
    wrong.crc32c = Some("AAAAAA==".to_owned());
    let error = objects.insert("b", wrong, pieces(&["hello"])).await.unwrap_err();
    insta::assert_snapshot!(error, @r#"Provided CRC32C hash "AAAAAA==" doesn't match calculated CRC32C hash "mnG7TA=="."#);
    let broken = futures::stream::iter([Ok(Bytes::from_static(b"hel")), Err("gone")]);
    let error = objects.insert("b", named("o"), broken).await.unwrap_err();
    insta::assert_snapshot!(error, @"the content broke off: gone");
    assert_eq!(files(&directory), 0);
}

#[tokio::test]
async fn ranges_are_read_from_disk() {
    let directory = tempfile::tempdir().unwrap();
    let objects = open(&directory).await;
    objects.insert("b", named("o"), pieces(&["01234", "56789"])).await.unwrap();
    for (range, expected) in [
        (ByteRange::From(2, Some(4)), "234"),
        (ByteRange::From(7, None), "789"),
        (ByteRange::From(8, Some(100)), "89"),
        (ByteRange::Last(3), "789"),
        (ByteRange::Last(30), "0123456789"),
    ] {
        assert_eq!(text(&objects, "b", "o", Some(range)).await, expected);
    }
    let beyond = objects.read("b", "o", None, Some(ByteRange::From(10, None))).await;
    assert!(matches!(beyond, Err(ObjectError::Range { size: 10 })));
    objects.insert("b", named("empty"), pieces(&[])).await.unwrap();
    assert_eq!(text(&objects, "b", "empty", None).await, "");
}

#[tokio::test]
async fn listing_folds_and_pages() {
    let directory = tempfile::tempdir().unwrap();
    let objects = open(&directory).await;
    for name in ["a", "d/", "d/1", "d/2", "d/e/3", "f", "g/1"] {
        objects.insert("b", named(name), pieces(&[name])).await.unwrap();
    }
    let show = |query: &ListQuery| {
        let page = objects.list("b", query).unwrap();
        let items: Vec<String> = page.items.into_iter().map(|object| object.name).collect();
        (items.join(" "), page.prefixes.join(" "), page.next_page_token)
    };
    let folded = |prefix: &str| ListQuery {
        prefix: prefix.to_owned(),
        delimiter: Some("/".to_owned()),
        ..ListQuery::default()
    };
    assert_eq!(show(&folded("")), ("a f".into(), "d/ g/".into(), None));
    assert_eq!(show(&folded("d/")), ("d/ d/1 d/2".into(), "d/e/".into(), None));
    assert_eq!(show(&folded("nothing")), (String::new(), String::new(), None));
    let trailing = ListQuery { include_trailing_delimiter: true, ..folded("") };
    assert_eq!(show(&trailing).0, "a d/ f");
    let between = ListQuery {
        start_offset: Some("d/2".to_owned()),
        end_offset: Some("f".to_owned()),
        ..ListQuery::default()
    };
    assert_eq!(show(&between).0, "d/2 d/e/3");

    let mut query = ListQuery { max_results: Some(1), ..folded("") };
    let mut seen = Vec::new();
    loop {
        let (items, prefixes, token) = show(&query);
        seen.push(items + &prefixes);
        match token {
            Some(token) => query.page_token = Some(token),
            None => break,
        }
    }
    assert_eq!(seen, ["a", "d/", "f", "g/"]);
    query.page_token = Some("!".to_owned());
    insta::assert_snapshot!(objects.list("b", &query).unwrap_err(), @"Invalid page token: !");
}

#[tokio::test]
async fn a_resumable_upload_goes_on_after_a_break_and_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let objects = open(&directory).await;
    let session = objects.begin_upload("b", named("big")).await.unwrap();
    assert_eq!(objects.upload(&session).await.unwrap(), Upload::Incomplete { received: 0 });
    let broken = futures::stream::iter([Ok(Bytes::from_static(b"hello ")), Err("reset")]);
    assert!(objects.append(&session, 0, Some(11), broken).await.is_err());
    assert!(objects.get("b", "big", None).is_err());

    let objects = open(&directory).await;
    assert_eq!(objects.upload_bucket(&session).await.unwrap(), "b");
    assert_eq!(objects.upload(&session).await.unwrap(), Upload::Incomplete { received: 6 });
    let gap = objects.append(&session, 7, Some(11), pieces(&["orld"])).await.unwrap_err();
    insta::assert_snapshot!(gap, @"the chunk begins at byte 7, but only 6 bytes have been received");
    // The client repeats two bytes, as it may.
    let done = objects.append(&session, 4, Some(11), pieces(&["o ", "wor", "ld"])).await.unwrap();
    let Upload::Complete(object) = &done else { panic!("{done:?}") };
    assert_eq!((object.size, object.crc32c.as_str()), (11, "yZRlqg=="));
    assert_eq!(object.md5, "XrY7u+Ae7tCTyyK7j1rNww==");
    assert_eq!(text(&objects, "b", "big", None).await, "hello world");

    // A client that missed the answer gets it again, even from a new daemon.
    let objects = open(&directory).await;
    assert_eq!(objects.upload(&session).await.unwrap(), done);
    objects.cancel_upload(&session).await.unwrap();
    let error = objects.upload(&session).await.unwrap_err().to_string();
    assert!(error.starts_with("no upload session "), "{error}");
    assert!(matches!(objects.upload("../x").await, Err(ObjectError::NoSession(_))));
}

#[tokio::test]
async fn more_bytes_than_announced_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let objects = open(&directory).await;
    let session = objects.begin_upload("b", named("o")).await.unwrap();
    let error = objects.append(&session, 0, Some(3), pieces(&["four"])).await.unwrap_err();
    insta::assert_snapshot!(error, @"4 bytes arrived where 3 were announced");
    let unknown_total = objects.append(&session, 0, None, pieces(&["abc"])).await.unwrap();
    assert_eq!(unknown_total, Upload::Incomplete { received: 3 });
    let end = objects.append(&session, 3, Some(3), pieces(&[])).await.unwrap();
    assert!(matches!(end, Upload::Complete(_)));
}

#[tokio::test]
async fn what_a_crash_left_is_cleared() {
    let directory = tempfile::tempdir().unwrap();
    let objects = open(&directory).await;
    objects.insert("b", named("o"), pieces(&["kept"])).await.unwrap();
    std::fs::write(directory.path().join("incoming/half"), "half").unwrap();
    std::fs::write(objects.content_path("b", "o", 1), "orphan").unwrap();
    let reopened = open(&directory).await;
    assert_eq!(files(&directory), 2);
    assert_eq!(text(&reopened, "b", "o", None).await, "kept");
}
