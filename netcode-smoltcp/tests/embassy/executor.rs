//! An executor on virtual time: whenever no task is ready, a millisecond passes.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use embassy_time::{Duration, MockDriver};

/// embassy-time has one clock, so one test runs at a time.
static CLOCK: Mutex<()> = Mutex::new(());

/// To be held for a whole test.
pub fn clock() -> MutexGuard<'static, ()> {
    CLOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Longer than any test takes, in virtual time.
const PATIENCE_MILLIS: u32 = 120_000;

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// A future that is polled only when it was woken: a waker that is not kept fails the test.
struct Task<'f, T> {
    future: Pin<&'f mut dyn Future<Output = T>>,
    woken: Arc<Woken>,
}

impl<'f, T> Task<'f, T> {
    fn new(future: Pin<&'f mut dyn Future<Output = T>>) -> Self {
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        Self { future, woken }
    }

    fn take_woken(&self) -> bool {
        self.woken.0.swap(false, Ordering::AcqRel)
    }

    fn poll(&mut self) -> Poll<T> {
        let waker = Waker::from(Arc::clone(&self.woken));
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }
}

/// Runs `script` to its end, beside a `network` that has none. They are two tasks, as on a device:
/// polling a socket of embassy-net wakes its runner.
pub fn run<T, N>(network: impl Future<Output = N>, script: impl Future<Output = T>) -> T {
    let (network, script) = (pin!(network), pin!(script));
    let (mut network, mut script) = (Task::new(network), Task::new(script));
    for _ in 0..PATIENCE_MILLIS {
        loop {
            if network.take_woken() {
                let _ = network.poll();
            } else if script.take_woken() {
                if let Poll::Ready(result) = script.poll() {
                    return result;
                }
            } else {
                break;
            }
        }
        MockDriver::get().advance(Duration::from_millis(1));
    }
    panic!("not done within {PATIENCE_MILLIS} ms of virtual time");
}
