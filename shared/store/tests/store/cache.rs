use minigate_store::{CacheCounts, CountedCache, StoreError};
use minigate_testkit::faults::Fault;

use crate::bed::Bed;

/// A table that is throttled reads a part of a batch and names the rest, which is not to be taken for
/// what is not there.
#[tokio::test]
async fn what_was_left_unread_is_not_zero() {
    let bed = Bed::start().await;
    let counts = CacheCounts { hits: 7, ..CacheCounts::default() };
    bed.store.add_cache_counts("one", &counts, bed.now()).await.unwrap();
    let throttled = bed.faults.inject_times(2, "BatchGetItem", Fault::LeaveUnprocessed);
    let read = bed.store.cache_counts(&["one", "other"]).await.unwrap();
    assert_eq!((throttled.hits(), bed.faults.count("BatchGetItem")), (2, 3));
    assert_eq!(read["one"], CountedCache { since: Some(bed.now()), counts });
    assert_eq!(read["other"], CountedCache::default());

    let _throttled = bed.faults.inject("BatchGetItem", Fault::LeaveUnprocessed);
    let failed = bed.store.cache_counts(&["one", "other"]).await;
    assert!(matches!(failed, Err(StoreError::Unavailable { .. })), "{failed:?}");
}
