//! A change of keys: the new one opens, the old one does not, the digest stays, and no instant is without a key.

use std::sync::Arc;

use crate::support::{Seeded, bundle, files, key, options, read_all, sources};
use object_store::memory::InMemory;
use strongroom_bundle::{Location, inspect};

fn places(folder: &std::path::Path) -> [Location; 2] {
    let far = Location::in_store(
        Arc::new(InMemory::new()),
        "models/a.bundle",
        "memory:///models/a.bundle",
    );
    [Location::from_path(folder.join("a.bundle")), far.unwrap()]
}

#[tokio::test]
async fn keeps_the_digest_and_changes_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(&[("a", 30_000)]);
    for place in places(folder.path()) {
        let written = place
            .encrypt(sources(&files), &key(1), &Seeded::new(1), &options(2))
            .await
            .unwrap();
        let before = place.read_small(1 << 20).await.unwrap();

        let wrong = place.rewrap(&key(3), &key(2), &Seeded::new(2)).await.unwrap_err();
        assert_eq!(wrong.code(), "bundle.wrong_key");

        for (old, new) in [(1, 2), (2, 3), (3, 3), (3, 1)] {
            let done = place
                .rewrap(&key(old), &key(new), &Seeded::new(new.into()))
                .await
                .unwrap();
            assert_eq!((done.digest, done.key_id), (written.digest, key(new).id()));
            let open = |byte| {
                let store = place.open().unwrap();
                async move {
                    read_all(store, &written.digest, &key(byte))
                        .await
                        .map_err(|error| error.code())
                }
            };
            assert_eq!(open(new).await.unwrap(), files);
            if old != new {
                assert_eq!(open(old).await.unwrap_err(), "bundle.wrong_key");
            }
            let inspection = inspect(&place.open().unwrap()).await.unwrap();
            assert_eq!(inspection.key_ids, [key(new).id()]);
        }
        let after = place.read_small(1 << 20).await.unwrap();
        assert_eq!(before[512..], after[512..], "only the header changes");
    }
}

/// The header between the two steps, as a crash would leave it: both keys open, and the change can be made again.
#[tokio::test]
async fn an_interrupted_change_can_be_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bundle");
    let files = files(&[("a", 100)]);
    let (bytes, digest) = bundle(&files, 1);
    std::fs::write(&path, &bytes).unwrap();
    let place = Location::from_path(&path);
    place.rewrap(&key(1), &key(2), &Seeded::new(2)).await.unwrap();

    let mut between = std::fs::read(&path).unwrap();
    let slots = [96..256, 256..416];
    let free = slots
        .iter()
        .find(|slot| between[(*slot).clone()].iter().all(|&byte| byte == 0))
        .unwrap()
        .clone();
    between[free].copy_from_slice(&bytes[96..256]);
    std::fs::write(&path, &between).unwrap();
    for byte in [1, 2] {
        assert_eq!(
            read_all(place.open().unwrap(), &digest, &key(byte))
                .await
                .unwrap(),
            files
        );
    }
    assert_eq!(inspect(&place.open().unwrap()).await.unwrap().key_ids.len(), 2);

    place.rewrap(&key(1), &key(2), &Seeded::new(4)).await.unwrap();
    assert_eq!(
        inspect(&place.open().unwrap()).await.unwrap().key_ids,
        [key(2).id()]
    );
    assert_eq!(
        read_all(place.open().unwrap(), &digest, &key(2)).await.unwrap(),
        files
    );
}
