//! Runs futures on the simulated clock: one at a time, in an order that the seed decides.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

use postrider_core::time::Time;

use crate::{dice::Dice, world::World};

/// Something that goes on by itself.
pub type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a task is, to start it anew when it died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// An instance of the delivery function: of the retry queue or not, and which.
    Courier(bool, u8),
    /// The scheduler.
    Scheduler(u8),
    /// A producer's request: which publication, and how often it was tried.
    Producer(u8, u8),
    /// The operator, who does not die.
    Operator,
}

/// Wakers by the time at which they are woken. Those of the same time come in random order.
#[derive(Debug, Default)]
pub struct Timers(BinaryHeap<Reverse<Timer>>);

#[derive(Debug)]
struct Timer {
    at: Time,
    tie: u64,
    waker: Waker,
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Timer {}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timer {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.tie).cmp(&(other.at, other.tie))
    }
}

impl Timers {
    /// Wakes at that time.
    pub fn set(&mut self, at: Time, dice: &mut Dice, waker: Waker) {
        self.0.push(Reverse(Timer { at, tie: dice.roll(), waker }));
    }

    fn next(&mut self) -> Option<(Time, Waker)> {
        self.0.pop().map(|Reverse(timer)| (timer.at, timer.waker))
    }
}

type Ready = Arc<Mutex<Vec<usize>>>;

struct TaskWaker {
    task: usize,
    ready: Ready,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).push(self.task);
    }
}

struct Task {
    role: Role,
    work: Work,
    waker: Waker,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Something went on.
    Ran,
    /// Time went on to then.
    Passed(Time),
    /// A task died; what it held in memory is lost.
    Died(Role),
    /// Nothing is left to happen.
    Idle,
}

/// The tasks of a run.
pub struct Executor {
    world: World,
    tasks: Vec<Option<Task>>,
    ready: Ready,
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Executor({} tasks)", self.tasks.len())
    }
}

impl Executor {
    /// Over the world's clock.
    pub fn new(world: World) -> Self {
        Self { world, tasks: Vec::new(), ready: Ready::default() }
    }

    /// Starts something.
    pub fn spawn(&mut self, role: Role, work: Work) {
        let task = self.tasks.len();
        let waker = Waker::from(Arc::new(TaskWaker { task, ready: Arc::clone(&self.ready) }));
        waker.wake_by_ref();
        self.tasks.push(Some(Task { role, work, waker }));
    }

    /// Lets the next thing happen.
    pub fn step(&mut self) -> Step {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        let mut inner = self.world.lock();
        if !ready.is_empty() {
            let nth = inner.dice.index(ready.len());
            let task = ready.swap_remove(nth);
            drop((ready, inner));
            return self.poll(task);
        }
        drop(ready);
        let Some((at, waker)) = inner.timers.next() else { return Step::Idle };
        let passed = inner.now < at;
        inner.now = inner.now.max(at);
        drop(inner);
        waker.wake();
        if passed { Step::Passed(at) } else { Step::Ran }
    }

    fn poll(&mut self, number: usize) -> Step {
        let Some(task) = self.tasks[number].as_mut() else { return Step::Ran };
        let role = task.role;
        self.world.lock().enter(number, role);
        let waker = task.waker.clone();
        let polled = task.work.as_mut().poll(&mut Context::from_waker(&waker));
        let died = self.world.lock().leave();
        if died || polled == Poll::Ready(()) {
            self.tasks[number] = None;
        }
        if died { Step::Died(role) } else { Step::Ran }
    }
}
