//! The use cases of `postrider-core` over ports that are simulated, on a clock that is simulated.
//!
//! Everything that happens in a run is drawn from its seed: when which function instance goes on, how long each call
//! takes, which calls fail and how, what the endpoints answer, and what an operator does meanwhile. So a seed that
//! shows a violation shows it again.
//!
//! Actors ([`run`]): instances of the delivery function, each with its own memory, fed from two queues; the scheduler
//! once a minute, sometimes twice at once; producers that repeat themselves; an operator. Each of them may die at any
//! call, and loses then what it had in memory.
//!
//! What is simulated: SQS ([`queue`]), the tables with their conditions and their lagging index ([`tables`]), and
//! receivers ([`receiver`]). What must hold is in [`check`].

pub mod arithmetic;
pub mod check;
pub mod dice;
pub mod executor;
pub mod planted;
pub mod queue;
pub mod receiver;
pub mod run;
pub mod scenario;
pub mod sweep;
pub mod tables;
pub mod world;
