//! Work of several businesses that is done at once and in turns.

use domain::business::turns::Turns;
use futures_util::stream::{FuturesUnordered, StreamExt};

/// Does all work, at most `at_once` pieces of it at a time, and answers what came of each. Next comes the work of whoever has
/// the least under way, so that one whose work takes long does not take everybody's places.
pub async fn in_turns<K, W, R, F>(mut waiting: Turns<K, W>, at_once: usize, work: impl Fn(W) -> F) -> Vec<R>
where
    K: Ord + Clone,
    F: Future<Output = R>,
{
    let mut under_way = FuturesUnordered::new();
    let mut outcomes = Vec::new();
    loop {
        while under_way.len() < at_once
            && let Some((of, piece)) = waiting.give()
        {
            let piece = work(piece);
            under_way.push(async move { (of, piece.await) });
        }
        let Some((of, outcome)) = under_way.next().await else { return outcomes };
        waiting.done(&of);
        outcomes.push(outcome);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::poll_fn;
    use std::task::Poll;

    use super::*;

    #[tokio::test]
    async fn work_that_hangs_keeps_nobody_waiting_but_its_own_business() {
        let mut waiting: Turns<&str, &str> = (0..40).map(|_| ("hanging", "hanging")).collect();
        waiting.extend((0..40).map(|_| ("quick", "quick")));
        let (quick, looked) = (Cell::new(0), Cell::new(0));
        let done = in_turns(waiting, 8, |of| {
            let (quick, looked) = (&quick, &looked);
            async move {
                // What hangs ends only when all quick work is done.
                poll_fn(|context| {
                    if of == "quick" || quick.get() == 40 {
                        return Poll::Ready(());
                    }
                    looked.set(looked.get() + 1);
                    assert!(looked.get() < 10_000, "quick work has no place");
                    context.waker().wake_by_ref();
                    Poll::Pending
                })
                .await;
                quick.set(quick.get() + usize::from(of == "quick"));
            }
        })
        .await;
        assert_eq!((done.len(), quick.get()), (80, 40));
    }

    #[tokio::test]
    async fn no_more_is_done_at_once_than_was_asked_for() {
        let waiting: Turns<u8, u8> = (0..10).map(|number| (number % 2, number)).collect();
        let (under_way, most) = (Cell::new(0), Cell::new(0));
        let mut done = in_turns(waiting, 3, |number| {
            let (under_way, most) = (&under_way, &most);
            async move {
                under_way.set(under_way.get() + 1);
                most.set(most.get().max(under_way.get()));
                tokio::task::yield_now().await;
                under_way.set(under_way.get() - 1);
                number
            }
        })
        .await;
        done.sort_unstable();
        assert_eq!((done, most.get()), ((0..10).collect(), 3));
    }

    #[tokio::test]
    async fn no_work_is_nothing_to_wait_for() {
        assert!(in_turns(Turns::<u8, u8>::default(), 8, |work| async move { work }).await.is_empty());
    }
}
